//! Engines that read along.

use super::*;

/// An engine that keeps what it is given to load.
pub(in crate::image::ship) struct Engine {
    pub(in crate::image::ship) socket: PathBuf,
    pub(in crate::image::ship) given: std::thread::JoinHandle<Vec<u8>>,
}

impl Engine {
    pub(in crate::image::ship) fn start(folder: &std::path::Path) -> Self {
        use std::io::{BufRead as _, Read as _, Write as _};
        let socket = folder.join("engine.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let given = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = std::io::BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                from.read_line(&mut line).unwrap();
            }
            let mut body = Vec::new();
            loop {
                line.clear();
                from.read_line(&mut line).unwrap();
                let size = u64::from_str_radix(line.trim(), 16).unwrap();
                (&mut from).take(size).read_to_end(&mut body).unwrap();
                from.read_line(&mut line).unwrap();
                if size == 0 {
                    break;
                }
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
            body
        });
        Self { socket, given }
    }
}

#[tokio::test]
async fn the_engine_reads_the_archive_while_blobs_arrive() {
    let fixture = Fixture::new();
    let engine = Engine::start(fixture.folder.path());
    let fixture = fixture.with_engine(&engine.socket);
    let large: Vec<u8> = (0u32..300_000).flat_map(u32::to_le_bytes).collect();
    let layers: [&[u8]; 4] = [b"there already", b"half of it was there", b"", &large];
    let image = crate::image::manifest::tests::image(&fixture.store, &layers);
    let blobs = |image: &Image| -> Vec<BlobShipment> {
        let blobs = image.blobs().map(|blob| BlobShipment {
            digest: blob.digest.clone(),
            size: blob.size,
            from: None,
            adopted: false,
        });
        blobs.collect()
    };
    let mut wanted = blobs(&image);
    let there = wanted
        .iter()
        .position(|one| one.digest == image.layers[0].digest);
    let there = wanted.remove(there.unwrap());
    fixture.send(&[there]).await.unwrap();
    let half = wanted
        .iter()
        .find(|one| one.digest == image.layers[1].digest);
    fixture.leave_part(half.unwrap(), b"half of it");
    let archive = Archive {
        members: image.blobs().cloned().collect(),
        end: archive::End::of(&[&image]).unwrap(),
    };
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let events = Events::none();
    let (host, store) = (&fixture.host, &fixture.store);
    send(host, &cache, &wanted, Some(&archive), store, &events)
        .await
        .unwrap();
    fixture.assert_arrived(&blobs(&image));
    let mark = fixture
        .cache()
        .join("images")
        .join(image.manifest.digest.hex());
    assert_eq!(
        fs::read_to_string(mark).unwrap(),
        format!("{}\n", image.reference)
    );
    let given = engine.given.join().unwrap();
    let other = Store::at(fixture.folder.path().join("other")).unwrap();
    let reference = crate::image::Wanted {
        reference: &image.reference,
        platform: None,
    };
    assert_eq!(other.import(&*given, reference).unwrap(), image);
}

#[tokio::test]
async fn an_engine_that_reads_nothing_does_not_keep_blobs_from_the_cache() {
    let fixture = Fixture::new();
    let nowhere = fixture.folder.path().join("no engine");
    let fixture = fixture.with_engine(&nowhere);
    let large: Vec<u8> = (0u32..300_000).flat_map(u32::to_le_bytes).collect();
    let blob = fixture.put(&large);
    let archive = Archive {
        members: [Blob {
            digest: blob.digest.clone(),
            size: blob.size,
        }]
        .into(),
        end: archive::End::default(),
    };
    let cache = fixture.cache().to_str().unwrap().to_owned();
    let (blobs, store) = ([blob], &fixture.store);
    send(
        &fixture.host,
        &cache,
        &blobs,
        Some(&archive),
        store,
        &Events::none(),
    )
    .await
    .unwrap();
    fixture.assert_arrived(&blobs);
}
