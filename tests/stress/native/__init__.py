"""The loops in C, compiled with the checks of a compiler."""
