//! Blobs that can be read while they are still being written into the store, and who is told of
//! them: whoever sends images while this machine's engine still hands them out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::model::{Blob, Digest, Image};

/// An image that an engine begins to hand out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// What the engine calls it.
    pub id: String,
    /// What the Compose file calls it.
    pub reference: String,
    /// `os/architecture`.
    pub platform: String,
    /// Its layers from the base up.
    pub layers: Vec<Digest>,
    /// About how many bytes they are.
    pub size: u64,
}

/// What is learned of images while an engine hands them out.
#[derive(Debug, Clone)]
pub enum Tidings {
    /// One begins to come.
    Begun(Coming),
    /// A layer comes, or is here.
    Layer(Growing),
    /// The image with this identifier is complete in the store.
    Here(String, Image),
}

/// Where tidings go, if anybody wants them; shared by all that works with a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Option<UnboundedSender<Tidings>>>>);

impl Listeners {
    /// From now on the receiver is told; nobody else is.
    pub(super) fn listen(&self) -> UnboundedReceiver<Tidings> {
        let (to, from) = unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
        from
    }

    /// Nobody is told any more.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether somebody listens.
    pub(super) fn any(&self) -> bool {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.is_some()
    }

    pub(super) fn tell(&self, tidings: Tidings) {
        let to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(to) = &*to {
            // Whoever stopped listening does not want to know.
            let _ = to.send(tidings);
        }
    }
}

/// Tells of the layers of one image.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) layers: Vec<Digest>,
    pub(super) listeners: Listeners,
}

impl Watch {
    /// The layer that a member of an archive is, if that can be told before it is read: by its name,
    /// or because there is only one.
    pub(super) fn layer(&self, named: Option<&Digest>) -> Option<&Digest> {
        match (named, self.layers.as_slice()) {
            (Some(named), layers) => layers.iter().find(|layer| *layer == named),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Tells of a layer that is about to be written to a file, which moves when it is complete.
    pub(super) fn grows(&self, blob: Blob, now: &Path, then: PathBuf) -> Growth {
        let state = Arc::new((Mutex::new(Grown::default()), Condvar::new()));
        let growing = Growing {
            blob,
            paths: [now.to_owned(), then],
            state: Arc::clone(&state),
        };
        self.listeners.tell(Tidings::Layer(growing));
        Growth(state)
    }

    /// Tells of a blob of the store, if it is one of the layers.
    pub(super) fn here(&self, blob: &Blob, path: PathBuf) {
        if self.layers.contains(&blob.digest) {
            let now = path.clone();
            self.grows(blob.clone(), &now, path).wrote(blob.size);
        }
    }
}

#[derive(Debug, Default)]
struct Grown {
    written: u64,
    ended: bool,
}

/// A blob of the store, of which a part may be still to come.
#[derive(Debug, Clone)]
pub struct Growing {
    /// What it is, or will be when all goes well.
    pub blob: Blob,
    /// Where it is, and where it will be. Not opened before it is its turn: many may wait.
    paths: [PathBuf; 2],
    state: Arc<(Mutex<Grown>, Condvar)>,
}

impl Growing {
    /// Opens it for [`Growing::read_at`].
    ///
    /// # Errors
    /// It will never be complete; it cannot be read.
    pub(super) fn open(&self) -> io::Result<File> {
        let [now, then] = &self.paths;
        File::open(now).or_else(|_| File::open(then))
    }

    /// Reads at `position`, and waits until there is something to read.
    ///
    /// # Errors
    /// The blob will never be complete; its file cannot be read.
    pub(super) fn read_at(
        &self,
        file: &File,
        buffer: &mut [u8],
        position: u64,
    ) -> io::Result<usize> {
        let (state, changed) = &*self.state;
        let mut grown = state.lock().unwrap_or_else(PoisonError::into_inner);
        while grown.written <= position {
            if grown.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let woken = changed.wait(grown);
            grown = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let there = grown.written - position;
        drop(grown);
        let most = usize::try_from(there).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        file.read_at(&mut buffer[..most], position)
    }
}

/// The writer's end of a [`Growing`]; dropped, it ends the blob as it is.
#[derive(Debug)]
pub(super) struct Growth(Arc<(Mutex<Grown>, Condvar)>);

impl Growth {
    /// So many bytes more are in the file.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.change(|grown| grown.written += bytes);
    }

    fn change(&self, how: impl FnOnce(&mut Grown)) {
        let (state, changed) = &*self.0;
        how(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.change(|grown| grown.ended = true);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn watch(layers: &[&[u8]]) -> (Watch, UnboundedReceiver<Tidings>) {
        let listeners = Listeners::default();
        let from = listeners.listen();
        let layers = layers.iter().map(|layer| Digest::of(layer)).collect();
        (Watch { layers, listeners }, from)
    }

    #[test]
    fn a_blob_is_read_while_it_is_written() {
        let (watch, mut from) = watch(&[b"x"]);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let blob = Blob {
            digest: Digest::of(b"x"),
            size: 100_000,
        };
        let mut growth = watch.grows(blob, file.path(), PathBuf::new());
        let Ok(Tidings::Layer(growing)) = from.try_recv() else {
            panic!("nobody was told")
        };
        let reader = std::thread::spawn(move || {
            let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
            let file = growing.open().unwrap();
            while (all.len() as u64) < growing.blob.size {
                let n = growing
                    .read_at(&file, &mut buffer, all.len() as u64)
                    .unwrap();
                all.extend_from_slice(&buffer[..n]);
            }
            let end = growing.read_at(&file, &mut buffer, growing.blob.size);
            (all, end.unwrap_err().kind())
        });
        let bytes: Vec<u8> = (0u32..25_000).flat_map(u32::to_le_bytes).collect();
        for piece in bytes.chunks(777) {
            file.write_all(piece).unwrap();
            growth.wrote(piece.len() as u64);
        }
        drop(growth);
        let (read, end) = reader.join().unwrap();
        assert_eq!(read, bytes);
        assert_eq!(end, io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_member_is_known_by_its_name_or_by_being_the_only_one() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let (one, _) = watch(&[b"a"]);
        let (two, _) = watch(&[b"a", b"b"]);
        assert_eq!(one.layer(None), Some(&a));
        assert_eq!(one.layer(Some(&b)), None);
        assert_eq!(two.layer(None), None);
        assert_eq!(two.layer(Some(&b)), Some(&b));
    }

    #[test]
    fn nobody_is_told_of_what_is_no_layer_or_after_the_end() {
        let (watch, mut from) = watch(&[b"a"]);
        let blob = |name: &[u8]| Blob {
            digest: Digest::of(name),
            size: name.len() as u64,
        };
        watch.here(&blob(b"b"), PathBuf::new());
        assert!(from.try_recv().is_err());
        watch.here(&blob(b"a"), PathBuf::new());
        assert!(matches!(from.try_recv(), Ok(Tidings::Layer(_))));
        watch.listeners.close();
        watch.here(&blob(b"a"), PathBuf::new());
        assert!(from.try_recv().is_err());
    }
}
