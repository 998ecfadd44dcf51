//! The pipeline file: text -> tree -> layers -> pipeline, or all complaints at once.
