//! the integration tests
