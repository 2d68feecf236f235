"""Trains the tables of a 2023 technical report on CIFAR-10 again, and says how far they hold.

One line of data runs through the package: a :class:`~repro.spec.RunSpec` is trained to a
:class:`~repro.store.RunRecord`, which is compared with the report's cells in a verdict, which a
table prints.
"""

__version__ = "0.1.0"
