//! Images: built or pulled here, kept as content-addressed blobs, shipped to hosts, loaded there.
//!
//! In: the services of a project, the local engine, sessions with hosts. Out: [`Image`]s in
//! normalised form (uncompressed layers under their diff IDs, spec §12.2), blobs in hosts' caches,
//! and images in hosts' engines under their host tag. Nothing here decides what must go where; the
//! plan does.
//!
//! [`Image`]: crate::model::Image

mod archive;
mod ignore;
mod manifest;
mod records;
mod source;
mod stat_cache;
mod store;

pub use archive::Wanted;
pub use store::{BlobWriter, Store};
