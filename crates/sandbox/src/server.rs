//! One port for all AWS APIs, the registry and the admin API.
