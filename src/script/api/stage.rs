//! `host:stage(files)`: puts the release's files on the host. Their bytes never enter the VM.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::error::{Error, Explain as _, Result};
use crate::plan::{FileSource, StagedFile, StepKind};
use crate::remote::Host;
use crate::script::act::Stage;

/// Bytes read ahead of the connection: this many chunks of what `tar` writes at once.
const AHEAD: usize = 16;

/// Prints the number of every path that is not there yet. A path names its content, so what is
/// there is right.
const MISSING: &str = r#"n=0
for path; do
    [ -e "$path" ] || echo "$n"
    n=$((n + 1))
done
"#;

/// Unpacks beside the place and renames: a container never sees half a file. Arguments: an owner
/// (`70:70`, or empty) and a path, in the order of the archive's entries `0`, `1`, …
const UNPACK: &str = r#"set -eu
umask 077
n=0 tmp=
trap '[ -z "$tmp" ] || rm -rf -- "$tmp"' EXIT
while [ $# -gt 1 ]; do
    owner=$1 path=$2
    shift 2
    mkdir -p -- "${path%/*}"
    if [ -z "$tmp" ]; then
        tmp=$(mktemp -d "${path%/*}/.staging.XXXXXX")
        tar -xpof - -C "$tmp"
    fi
    [ -e "$tmp/$n" ] || { echo "the archive has no entry for $path" >&2; exit 1; }
    [ -z "$owner" ] || chown -R -- "$owner" "$tmp/$n" || {
        echo "only root can give $path to user $owner" >&2
        exit 31
    }
    [ -e "$path" ] || mv -- "$tmp/$n" "$path"
    n=$((n + 1))
done
"#;

/// Exit status of [`UNPACK`] when the ssh user may not change owners.
const NOT_ROOT: i32 = 31;

/// Stages those files of the current `prepare` step whose paths are listed.
pub(super) async fn stage(stage: &Stage, paths: &[String]) -> Result<()> {
    let (step, _) = stage.scene()?;
    let StepKind::Prepare { files, .. } = &step.kind else {
        return Err(Error::user("`host:stage` works in the `prepare` step only"));
    };
    let wanted = paths
        .iter()
        .map(|path| {
            files
                .iter()
                .find(|file| file.path == *path)
                .ok_or_else(|| Error::user(format!("`{path}` is not among the files of this step")))
        })
        .collect::<Result<Vec<_>>>()?;
    let host = &stage.node.host;
    let missing = missing(host, &wanted).await?;
    if missing.is_empty() {
        return Ok(());
    }
    send(host, missing).await
}

async fn missing(host: &Host, files: &[&StagedFile]) -> Result<Vec<StagedFile>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let output = host
        .sh(MISSING, &paths)
        .await?
        .ok("look for the project's files")?;
    Ok(output
        .text()
        .lines()
        .filter_map(|line| line.parse::<usize>().ok())
        .filter_map(|index| files.get(index).map(|file| (*file).clone()))
        .collect())
}

async fn send(host: &Host, files: Vec<StagedFile>) -> Result<()> {
    let count = files.len();
    let owned: Vec<String> = files
        .iter()
        .flat_map(|file| [owner(file), file.path.clone()])
        .collect();
    let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
    let mut process = host.stream(UNPACK, &arguments).await?;
    let (chunks, mut ready) = mpsc::channel(AHEAD);
    let packing = tokio::task::spawn_blocking(move || pack(&files, Chunks(chunks)));
    if let Some(mut stdin) = process.stdin.take() {
        while let Some(chunk) = ready.recv().await {
            // The script's status says why it stopped reading.
            if stdin.write_all(&chunk).await.is_err() {
                break;
            }
        }
        drop(ready);
        // As above.
        let _ = stdin.shutdown().await;
    }
    let packed = packing
        .await
        .explain(|| "packing the project's files ended unexpectedly")?;
    let output = process.wait().await?;
    // A file that cannot be read here is the reason; what the host says follows from it.
    match packed {
        Err(error) if output.success() || error.causes().is_empty() => Err(error),
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ if output.status == NOT_ROOT => Err(output
            .error("put the project's files in place")
            .hint("leave `uid` and `gid` of the config or secret out and let its `mode` be 0444")),
        _ => output
            .ok(&format!("put {count} of the project's files in place"))
            .map(drop),
    }
}

/// `70:70`, `70`, `:70`, or nothing: the ssh user's.
fn owner(file: &StagedFile) -> String {
    let id = |id: Option<u32>| id.map(|id| id.to_string()).unwrap_or_default();
    match file.gid {
        None => id(file.uid),
        gid => format!("{}:{}", id(file.uid), id(gid)),
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    error.causes().iter().any(|cause| cause == GONE)
}

/// A release that was restored needs a file that the host lost.
const KEPT: &str = "it was put there by an earlier release and is gone; deploy with `webpods up` \
                    to bring it back";

/// What `Chunks` says when nobody reads any more.
const GONE: &str = "the host stopped reading";

fn pack(files: &[StagedFile], out: Chunks) -> Result<()> {
    let mut archive = tar::Builder::new(io::BufWriter::with_capacity(64 * 1024, out));
    archive.follow_symlinks(false);
    for (index, file) in files.iter().enumerate() {
        add(&mut archive, index, file)
            .explain(|| format!("cannot read what goes to `{}`", file.path))?;
    }
    archive
        .into_inner()
        .and_then(|mut out| out.flush())
        .explain(|| "cannot send the project's files")
}

fn add(archive: &mut tar::Builder<impl Write>, index: usize, file: &StagedFile) -> io::Result<()> {
    let name = index.to_string();
    let header = |size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(file.mode);
        header
    };
    match &file.source {
        FileSource::Kept => Err(io::Error::other(KEPT)),
        FileSource::Content(bytes) => {
            archive.append_data(&mut header(bytes.len() as u64), name, bytes.as_slice())
        }
        FileSource::Local(path) if path.is_dir() => archive.append_dir_all(name, path),
        FileSource::Local(path) => {
            let open = std::fs::File::open(path)?;
            let size = open.metadata()?.len();
            archive.append_data(&mut header(size), name, open)
        }
    }
}

/// Hands what is written to the connection.
struct Chunks(mpsc::Sender<Bytes>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Bytes::copy_from_slice(bytes))
            .map_err(|_| io::Error::other(GONE))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
