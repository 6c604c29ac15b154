//! What a journey is made of: a lab, a project of its own on it, the program, requests and
//! patience.

mod agent;
mod boxed;
mod buildx;
mod bytes;
mod http;
mod lab;
mod layer;
mod layout;
mod link;
mod load;
mod project;
pub mod registry;
mod wait;
mod webpods;

pub use agent::Agent;
pub use buildx::with_buildx;
pub use bytes::{noise, random, sent};
pub use http::{Answer, get};
pub use lab::{Lab, NAME, Node, OwnLab, lab};
pub use layer::{CACHE, ONE};
pub use layout::Layout;
pub use link::ThinLink;
pub use load::Load;
pub use project::Project;
pub use wait::eventually;
pub use webpods::{Run, Webpods};
