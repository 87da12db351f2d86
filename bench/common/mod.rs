//! What the benches have in common.

pub mod machine;
pub mod results;
pub mod statistics;
pub mod variables;
