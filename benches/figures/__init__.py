"""Figures: the project's own targets for speed and memory, each measured as a ratio within one run.

``python -m benches.figures`` measures the engine; ``--dsn`` another driver. What is compared runs in turns,
round by round, so that a machine which slows down for a while slows both sides down; the ratio is the median
over the rounds. Every line says whether its target was met; one that can't be measured says why.
"""
