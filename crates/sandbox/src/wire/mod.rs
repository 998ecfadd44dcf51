//! Bytes <-> JSON values: one codec a protocol, generic over `Value`.
