"""CIFAR-10 from any source to verified arrays, and from arrays to the report's PNG and CSV files.

`layout` knows the official binary format and its checksums, `download` and `archives` bring any
source into it (`pickles` and `png` read what an archive holds), `sources` decides where to ask and
in which order, `dataset` reads what was verified, `png_export` writes section 3.2.1's
export, and `labels` the files of section 3.2.3.
"""
