//! the `shipit` program
fn main() {}
