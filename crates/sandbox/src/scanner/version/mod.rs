//! Which of two package versions is earlier, by the rules of the system that made them.

pub mod apk;
pub mod dpkg;

use std::cmp::Ordering;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Debian policy 5.6.12, also Ubuntu's.
    Dpkg,
    /// Alpine's apk-tools.
    Apk,
}

impl Rules {
    /// Compares two versions.
    pub fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Rules::Dpkg => dpkg::compare(left, right),
            Rules::Apk => apk::compare(left, right),
        }
    }
}
