//! The `shipit` program.

fn main() {}
