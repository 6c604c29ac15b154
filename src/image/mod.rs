//! Images: built or pulled here, kept as content-addressed blobs, shipped to hosts, loaded there.
//!
//! In: the services of a project, the local engine, sessions with hosts. Out: [`Image`]s in
//! normalised form (uncompressed layers under their diff IDs, spec §12.2), blobs in hosts' caches,
//! and images in hosts' engines under their host tag. Nothing here decides what must go where; the
//! plan does.
//!
//! [`Image`]: crate::model::Image

mod adopt;
mod amount;
mod archive;
mod bring;
mod build;
mod carry;
mod chain;
mod chunk;
mod export;
mod gc;
mod growing;
mod hash;
mod have;
mod hold;
mod ignore;
mod inventory;
mod layout;
mod load;
mod local;
mod manifest;
mod outlet;
mod pipe;
mod realise;
mod records;
mod refs;
mod registry;
mod ship;
mod source;
mod stat_cache;
mod store;
mod survey;
mod works;

use amount::amount;

pub use archive::Wanted;
pub use growing::{Coming, Growing, Tidings};
pub use have::{Have, fetch, fetch_image, have};
pub use hold::{Held, hold};
pub use inventory::{Inventory, Shares, inventory};
pub use load::load;
pub use local::engine as local_engine;
pub use outlet::Outlet;
pub use refs::{Keep, Pruned, prune, write_refs};
pub use registry::{Offer, look_up};
pub use ship::{Shipped, Shipping};
pub use store::{BlobWriter, Store};
pub use survey::{BuildMode, reference};

/// A name that nobody else uses: not another process, not another attempt of this one.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static ATTEMPT: AtomicU64 = AtomicU64::new(0);
    let attempt = ATTEMPT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let here = rustix::system::uname();
    let text = format!(
        "{:?} {} {now} {attempt}",
        here.nodename(),
        std::process::id()
    );
    crate::model::Digest::of(text.as_bytes()).short().to_owned()
}
