"""Faults in keys, arguments, messages, opening and closing."""

from __future__ import annotations

import builtins
import re
import unicodedata
from typing import Any

from trove.driver import BucketInfo, ObjectInfo, ObjectReader
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    DriverClosedError,
    InvalidArgumentError,
    InvalidBucketNameError,
    InvalidDSNError,
    InvalidKeyError,
    ObjectNotFoundError,
)

from .fault import caught_by


class Renaming(MemoryDriver):
    """Stores objects under other keys than those given."""

    def renamed(self, key: Any) -> Any:
        return key

    def put(self, bucket: Any, key: Any, *args: Any, **options: Any) -> ObjectInfo:
        return super().put(bucket, self.renamed(key), *args, **options)

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        return super().get(bucket, self.renamed(key), **options)

    def head(self, bucket: Any, key: Any, **options: Any) -> ObjectInfo:
        return super().head(bucket, self.renamed(key), **options)

    def delete(self, bucket: Any, key: Any, **options: Any) -> None:
        super().delete(bucket, self.renamed(key), **options)


@caught_by(
    "test_keys_alike_are_deleted_apart",
    "test_keys_alike_are_kept_apart",
    "test_list_pagination_of_awkward_keys",
)
class NormalisesKeys(Renaming):
    """Keys are put into a Unicode normalisation form."""

    def renamed(self, key: Any) -> Any:
        return unicodedata.normalize("NFC", key) if isinstance(key, str) else key


@caught_by(
    "test_delete_leaves_others",
    "test_keys_alike_are_deleted_apart",
    "test_keys_alike_are_kept_apart",
    "test_keys_of_any_text",
    "test_keys_of_any_text_all_together",
    "test_keys_that_look_like_paths",
    "test_keys_that_look_like_paths_all_together",
    "test_list_sorted",
    "test_list_with_prefix_is_no_pattern",
    "test_put_get_other_object_not_found",
)
class FoldsCase(Renaming):
    """Keys that differ in case are one."""

    def renamed(self, key: Any) -> Any:
        return key.lower() if isinstance(key, str) else key


@caught_by(
    "test_keys_alike_are_deleted_apart",
    "test_keys_alike_are_kept_apart",
    "test_keys_long",
    "test_keys_of_a_folder_and_an_object_together",
    "test_keys_that_look_like_paths",
    "test_keys_that_look_like_paths_all_together",
    "test_list_delimiter_object_named_like_the_prefix",
    "test_list_delimiter_pagination",
    "test_list_infos_are_of_their_objects",
    "test_list_pagination_of_awkward_keys",
    "test_list_with_prefix_of_any_length",
)
class CollapsesSlashes(Renaming):
    """Slashes in a row are one."""

    def renamed(self, key: Any) -> Any:
        return re.sub("//+", "/", key) if isinstance(key, str) else key


@caught_by(
    "test_keys_alike_are_deleted_apart",
    "test_keys_alike_are_kept_apart",
    "test_keys_of_any_text",
    "test_keys_of_any_text_all_together",
)
class DecodesKeys(Renaming):
    """Percent signs in keys are decoded."""

    def renamed(self, key: Any) -> Any:
        return key.replace("%2F", "/") if isinstance(key, str) else key


@caught_by(
    "test_arguments_bad_key",
)
class TakesLongKeys(Renaming):
    """A key that is too long is cut."""

    def renamed(self, key: Any) -> Any:
        if isinstance(key, str) and 1024 < len(key.encode("utf-8", "replace")) < 5000:
            return key.encode()[:1024].decode()
        return key


@caught_by(
    "test_arguments_bad_key",
)
class CountsCharactersOfKeys(Renaming):
    """The bounds of a key are counted in characters."""

    def renamed(self, key: Any) -> Any:
        if isinstance(key, str) and len(key.encode("utf-8", "replace")) > 1024 >= len(key):
            return key[:512]
        return key


@caught_by(
    "test_arguments_bad_key",
)
class TakesNul(Renaming):
    """NUL in a key is left out."""

    def renamed(self, key: Any) -> Any:
        return key.replace("\0", "") or "nul" if isinstance(key, str) and key else key


@caught_by(
    "test_arguments_bad_key",
)
class TakesSurrogates(Renaming):
    """Surrogates in a key are replaced."""

    def renamed(self, key: Any) -> Any:
        return key.encode("utf-8", "replace").decode() if isinstance(key, str) else key


@caught_by(
    "test_arguments_key_of_another_type",
)
class TakesKeysOfBytes(Renaming):
    """A key of bytes is decoded."""

    def renamed(self, key: Any) -> Any:
        return key.decode() if isinstance(key, bytes) else key


@caught_by(
    "test_arguments_bad_key",
    "test_arguments_bad_key_before_the_bucket_is_looked_for",
    "test_arguments_bad_key_before_the_data_is_read",
)
class BadKeyIsAnyBadArgument(Renaming):
    """A bad key is no InvalidKeyError."""

    def put(self, bucket: Any, key: Any, *args: Any, **options: Any) -> ObjectInfo:
        try:
            return super().put(bucket, key, *args, **options)
        except InvalidKeyError as error:
            raise InvalidArgumentError(str(error)) from error


@caught_by(
    "test_arguments_bad_bucket_name",
)
class TakesSlashesInBucketNames(MemoryDriver):
    """A bucket may have a slash in its name."""

    def create_bucket(self, name: Any, **options: Any) -> None:
        try:
            super().create_bucket(name, **options)
        except InvalidBucketNameError:
            if not isinstance(name, str) or "/" not in name:
                raise


@caught_by(
    "test_arguments_bad_key_before_the_data_is_read",
)
class ReadsDataBeforeTheChecks(MemoryDriver):
    """The data are read before the key is checked."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        return super().put(bucket, key, list(data) if key == "" and data != b"" else data, **options)


@caught_by(
    "test_arguments_bad_metadata",
    "test_arguments_bad_metadata_keeps_the_old_object",
    "test_watch_event_info",
)
class StoresBeforeTheChecks(MemoryDriver):
    """The object is stored before its metadata are checked."""

    def put(self, bucket: Any, key: Any, data: Any, *, metadata: Any = None, **options: Any) -> ObjectInfo:
        info = super().put(bucket, key, data, **options)
        return info if metadata is None else super().put(bucket, key, data, metadata=metadata, **options)


@caught_by(
    "test_arguments_bad_metadata",
    "test_arguments_bad_metadata_keeps_the_old_object",
)
class TakesMetadataOfNumbers(MemoryDriver):
    """Metadata are turned into text."""

    def put(self, *args: Any, metadata: Any = None, **options: Any) -> ObjectInfo:
        if isinstance(metadata, dict):
            metadata = {k: str(v) if isinstance(v, int) else v for k, v in metadata.items()}
        return super().put(*args, metadata=metadata, **options)


@caught_by(
    "test_arguments_bad_tags",
)
class TakesTagsOfNumbers(MemoryDriver):
    """Tags are turned into text."""

    def put(self, *args: Any, tags: Any = None, **options: Any) -> ObjectInfo:
        if isinstance(tags, dict):
            tags = {k: str(v) if isinstance(v, int) else v for k, v in tags.items()}
        return super().put(*args, tags=tags, **options)


@caught_by(
    "test_arguments_unknown_option",
)
class IgnoresUnknownOptions(MemoryDriver):
    """put takes options that it does not know."""

    def put(self, *args: Any, no_such_option: Any = None, **options: Any) -> ObjectInfo:
        return super().put(*args, **options)


# Messages.


@caught_by(
    "test_messages_cut_long_keys",
)
class ShowsLongKeys(MemoryDriver):
    """Errors show keys in full."""

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        try:
            return super().get(bucket, key, **options)
        except ObjectNotFoundError as error:
            raise ObjectNotFoundError(f"object {key!r} does not exist in {bucket!r}") from error


@caught_by(
    "test_messages_show_keys_as_repr",
)
class ShowsKeysRaw(MemoryDriver):
    """Errors show keys as they are, line breaks included."""

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        try:
            return super().get(bucket, key, **options)
        except ObjectNotFoundError as error:
            raise ObjectNotFoundError(f"object {key:.70} does not exist in {bucket}") from error


@caught_by(
    "test_messages_name_bucket_and_key",
)
class SaysNoBucket(MemoryDriver):
    """The error of a missing object does not name the bucket."""

    def head(self, bucket: Any, key: Any, **options: Any) -> ObjectInfo:
        try:
            return super().head(bucket, key, **options)
        except ObjectNotFoundError as error:
            raise ObjectNotFoundError(f"object {key[:70]!r} does not exist") from error


# Opening and closing.


@caught_by(
    "test_closed_before_the_first_open",
    "test_closed_refuses",
)
class AnswersWhenClosed(MemoryDriver):
    """A closed driver lists no buckets instead of raising."""

    def list_buckets(self) -> builtins.list[BucketInfo]:
        try:
            return super().list_buckets()
        except DriverClosedError:
            return []


@caught_by(
    "test_close_with_statement",
    "test_close_with_statement_after_an_error",
    "test_closed_before_the_first_open",
    "test_closed_refuses",
    "test_open_refused_leaves_it_closed",
)
class PingsWhenClosed(MemoryDriver):
    """ping of a closed driver is quiet."""

    def ping(self) -> None:
        pass


@caught_by(
    "test_close_before_the_first_open",
    "test_close_twice",
)
class ClosesOnce(MemoryDriver):
    """Closing twice is an error."""

    def close(self) -> None:
        self._opened()
        super().close()


@caught_by(
    "test_open_when_open",
    "test_open_when_open_changes_nothing",
)
class OpensTwice(MemoryDriver):
    """A second open begins anew."""

    def open(self, dsn: str, **options: Any) -> None:
        if self._store is not None:
            self.close()
        super().open(dsn, **options)


@caught_by(
    "test_cursor_is_valid_after_reopening",
    "test_open_again",
    "test_open_again_finds_what_was_stored",
    "test_open_unknown_parameter",
    "test_quota_outlives_the_driver",
)
class OpensOnce(MemoryDriver):
    """A closed driver can't be opened again."""

    def open(self, dsn: str, **options: Any) -> None:
        if self.__dict__.get("was_open"):
            raise InvalidArgumentError("the driver was closed; make another one")
        super().open(dsn, **options)
        self.was_open = True


@caught_by(
    "test_open_error_is_no_empty_message",
    "test_open_of_another_scheme",
    "test_open_refused_leaves_it_closed",
)
class TakesAnyScheme(MemoryDriver):
    """The scheme of the DSN is not looked at."""

    def open(self, dsn: str, **options: Any) -> None:
        if isinstance(dsn, str) and re.match("[a-z+-]+://host/path$", dsn):
            dsn = "mem://"
        super().open(dsn, **options)


@caught_by(
    "test_open_unknown_parameter",
)
class IgnoresUnknownParameters(MemoryDriver):
    """Unknown parameters of the DSN are ignored."""

    def open(self, dsn: str, **options: Any) -> None:
        if isinstance(dsn, str) and "@" not in dsn:
            dsn = dsn.partition("?no_such")[0]
        super().open(dsn, **options)


@caught_by(
    "test_open_shows_no_password",
)
class ShowsThePassword(MemoryDriver):
    """The error of a bad DSN quotes it."""

    def open(self, dsn: str, **options: Any) -> None:
        try:
            super().open(dsn, **options)
        except InvalidDSNError as error:
            raise InvalidDSNError(f"{dsn!r} can't be opened: {error}") from error


@caught_by(
    "test_close_with_statement",
    "test_close_with_statement_after_an_error",
)
class StaysOpenAfterWith(MemoryDriver):
    """The with statement does not close."""

    def __exit__(self, *exc_info: object) -> None:
        pass
