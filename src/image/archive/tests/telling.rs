//! What listeners are told while an archive is read.

use super::*;

/// The layers that are told of while an archive is read, each with its bytes.
fn told(archive: Archive, layers: &[&[u8]]) -> Vec<(Digest, Vec<u8>)> {
    let (_folder, store) = store();
    let mut tidings = store.listen();
    let watch = Watch {
        layers: layers.iter().map(|layer| Digest::of(layer)).collect(),
        listeners: store.listeners().clone(),
    };
    store
        .import_watched(&*archive.bytes(), APP, Some(&watch))
        .unwrap();
    let mut told = Vec::new();
    while let Ok(crate::image::Tidings::Layer(layer)) = tidings.try_recv() {
        let mut bytes = vec![0; usize::try_from(layer.blob.size).unwrap()];
        let mut read = 0;
        let file = layer.open().unwrap();
        while read < bytes.len() {
            read += layer
                .read_at(&file, &mut bytes[read..], read as u64)
                .unwrap();
        }
        told.push((layer.blob.digest, bytes));
    }
    told.sort();
    told
}

#[test]
fn layers_are_told_of_in_every_layout() {
    let wanted = |layers: &[&[u8]]| {
        let told = layers
            .iter()
            .map(|layer| (Digest::of(layer), layer.to_vec()));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    for layers in [&[BASE][..], &[BASE, TOP], &[]] {
        assert_eq!(told(docker_20(layers), layers), wanted(layers));
        assert_eq!(told(docker_25(layers), layers), wanted(layers));
        assert_eq!(told(containerd(layers), layers), wanted(layers));
    }
    assert_eq!(told(docker_25(&[BASE, TOP]), &[TOP]), wanted(&[TOP]));
}
