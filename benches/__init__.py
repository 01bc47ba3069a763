"""Benchmarks of Trove's drivers beside their peers; see docs/benchmarks.md for the last run.

``pytest benches --benchmark-only`` measures every group for every driver and peer; ``python -m
benches.figures`` measures the project's own targets as ratios, ``python -m benches.scale`` how cost grows
with the number of objects, and ``python -m benches.report`` turns results into tables and charts. All of it
needs ``pip install '.[testing,bench]'``.
"""
