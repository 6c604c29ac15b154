//! `host.blobs`: the blob cache of a host (spec §12).

use std::future::Future;
use std::pin::Pin;

use mlua::{FromLua, Lua, UserData, UserDataMethods, Value};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::image::{self, Keep, Shipped, Shipping};
use crate::model::{Image, ReleaseId};
use crate::plan::BlobShipment;
use crate::script::act::{Stage, outside};
use crate::script::decode::decode_value;
use crate::script::fault::external;

/// A host's blobs in the hands of a script.
#[derive(Clone)]
pub(super) struct ScriptBlobs(pub Stage);

/// An argument that is data.
struct Given<T>(T);

impl<T: DeserializeOwned> FromLua for Given<T> {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        decode_value(lua, value).map(Self).map_err(|reason| {
            external(Error::user("this is not what `host.blobs` works with").cause(reason))
        })
    }
}

impl UserData for ScriptBlobs {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method(
            "ship",
            async |_, this, (blobs, images): (Given<Vec<BlobShipment>>, Option<Given<Vec<Image>>>)| {
                let here = this.0.clone();
                drop(this);
                outside(async move {
                    let images = images.map(|images| images.0).unwrap_or_default();
                    ship(&here, &blobs.0, &images).await
                })
                .await
            },
        );
        methods.add_async_method("load", async |_, this, image: Given<Image>| {
            let here = this.0.clone();
            drop(this);
            outside(async move { load(&here, &image.0).await }).await
        });
        methods.add_async_method("refs", async |_, this, ()| {
            let here = this.0.clone();
            drop(this);
            outside(async move { refs(&here).await }).await
        });
        methods.add_async_method(
            "prune",
            async |_, this, (keep, images): (Given<Vec<ReleaseId>>, Vec<String>)| {
                let here = this.0.clone();
                drop(this);
                outside(async move { prune(&here, &keep.0, &images).await }).await
            },
        );
    }
}

async fn ship(here: &Stage, blobs: &[BlobShipment], images: &[Image]) -> Result<()> {
    let nothing = Shipped::default();
    held(shipping(here)?.ship(&here.node, blobs, images, nothing)).await?;
    Ok(())
}

async fn load(here: &Stage, image: &Image) -> Result<()> {
    held(shipping(here)?.bring(&here.node, image)).await?;
    Ok(())
}

fn shipping(here: &Stage) -> Result<Shipping<'_>> {
    let (_, scene) = here.scene()?;
    Ok(Shipping {
        context: &scene.context,
        nodes: &scene.nodes,
        store: &scene.store,
        events: &here.events,
    })
}

/// Records which blobs the release needs on this host: those of services that have replicas here.
async fn refs(here: &Stage) -> Result<()> {
    let (_, scene) = here.scene()?;
    let plan = &scene.plan;
    let state = scene.state.as_ref();
    let Some(release) = state.and_then(|state| state.release(plan.release)) else {
        return Ok(());
    };
    let platform = &here.node.engine().await?.identity().platform;
    let images = release
        .services
        .values()
        .filter(|service| {
            let mut replicas = service.replicas.iter();
            replicas.any(|replica| replica.host == *here.node.name())
        })
        .map(|service| service.image.on(platform));
    let cache = &scene.context.artifacts.remote_cache_dir;
    let written = image::write_refs(&here.node, cache, &plan.key, plan.release, images);
    held(written).await
}

/// Removes what no release refers to; how many bytes that freed.
async fn prune(here: &Stage, keep: &[ReleaseId], images: &[String]) -> Result<u64> {
    let (_, scene) = here.scene()?;
    let cache = &scene.context.artifacts.remote_cache_dir;
    let keep = Keep {
        key: &scene.plan.key,
        releases: keep,
        active: keep.last().copied(),
        limit: scene.context.artifacts.max_cache_bytes,
        also: images,
    };
    let pruned = held(image::prune(&here.node, cache, keep, false)).await?;
    pruned.tell(here.node.name(), &scene.events, false);
    Ok(pruned.bytes())
}

/// A future with its type put away, so that the compiler need not look through it again for every
/// lifetime when it asks whether the script's future can change threads.
type Held<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

fn held<'a, T>(work: impl Future<Output = Result<T>> + Send + 'a) -> Held<'a, T> {
    Box::pin(work)
}
