//! `.webpods/` and the contexts in it (spec §4, §5).
//!
//! In: a working folder, `-c`, files in YAML or tables from Lua. Out: a complete
//! [`Context`](crate::model::Context), the project's root, and where the command is run from.
//! Every mistake in a file is reported with its line, and all of them at once.

mod context;
mod decode;
mod discover;
mod hosts;
mod origin;
mod resolve;
mod safety;
mod settings;
mod show;
mod tree;
mod words;
mod yaml;

pub use context::{builtin_dev, from_lua, from_yaml};
pub use discover::{ContextFile, Workspace};
pub use origin::{author, origin};
pub use resolve::{LoadLua, Resolved, Source, load, one_liner, resolve};
pub use safety::GUARDABLE;
pub use settings::Settings;
pub use show::show;
pub use yaml::to_yaml;
