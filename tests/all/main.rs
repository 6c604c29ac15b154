//! Every test that needs no engine and no host, in one binary.

mod architecture;
