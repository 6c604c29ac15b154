//! A project of a journey's own: a copy of the shop, or a Compose file around one of its programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{Answer, Lab, Webpods, eventually, get, lab};

/// A project that is on the lab for as long as this value lives.
#[derive(Debug)]
pub struct Project {
    /// Its name, different in every run.
    pub name: String,
    /// The domain of its ingress: `<name>.test`.
    pub domain: String,
    /// The lab it is on.
    pub lab: &'static Lab,
    folder: tempfile::TempDir,
}

impl Project {
    /// A copy of `examples/shop` under its own name and domain.
    pub fn shop(journey: &str) -> Self {
        let project = Self::empty(lab(), journey);
        copy(&shop(), project.folder.path());
        fs::remove_file(project.path(".webpods/config.yml")).unwrap();
        project.write("compose.e2e.yml", &project.read("compose.lab.yml"));
        project.write(".env.e2e", &format!("SHOP_DOMAIN={}\n", project.domain));
        let base = project.read("compose.yml");
        project.write(
            "compose.yml",
            &base.replace("name: shop", &format!("name: {}", project.name)),
        );
        project.use_lab(
            "defaults:\n  compose_files: [compose.yml, compose.e2e.yml]\n  env_file: .env.e2e\n",
        );
        project
    }

    /// The given Compose text, where `{{name}}` and `{{domain}}` stand for this project's, beside
    /// a folder `app` that builds the shop's gateway: it answers on port 8080, `/healthz` too.
    pub fn compose(journey: &str, text: &str) -> Self {
        Self::compose_on(lab(), journey, text)
    }

    /// The same on another lab.
    pub fn compose_on(lab: &'static Lab, journey: &str, text: &str) -> Self {
        let project = Self::empty(lab, journey);
        copy(&shop().join("services/gateway"), &project.path("app"));
        // An image of its own, so that journeys that run side by side share none by accident.
        project.write("app/VERSION", &format!("{}\n", project.name));
        project.compose_file(text);
        project.use_lab("");
        project
    }

    fn empty(lab: &'static Lab, journey: &str) -> Self {
        let name = format!("{journey}-{}", std::process::id());
        Self {
            domain: format!("{name}.test"),
            name,
            lab,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes `compose.yml`; see [`Project::compose`].
    pub fn compose_file(&self, text: &str) {
        let text = text
            .replace("{{name}}", &self.name)
            .replace("{{domain}}", &self.domain);
        self.write("compose.yml", &text);
    }

    /// Writes the lab's context with `more` at its end.
    pub fn use_lab(&self, more: &str) {
        let text = format!("{}{more}", self.lab.context);
        self.write(&format!(".webpods/contexts/{}.yml", self.lab.name), &text);
        self.write(
            ".webpods/config.yml",
            &format!("default_context: {}\n", self.lab.name),
        );
    }

    /// A path in the project's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads a file of the project.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a file of the project, with the folders above it.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The program in the project's folder.
    pub fn webpods(&self) -> Webpods {
        Webpods::new(self.folder.path())
    }

    /// Runs `up -d`, which must succeed.
    #[track_caller]
    pub fn up(&self) {
        self.webpods().ok(["up", "-d"]);
    }

    /// Asks every node for the project's domain, until all of them answer 200.
    #[track_caller]
    pub fn answers(&self) -> Vec<Answer> {
        let nodes = self.lab.nodes.iter();
        nodes
            .map(|node| {
                eventually("an answer", 20, || {
                    match get(&node.addr, &self.domain, "/") {
                        Ok(answer) if answer.status == 200 => Ok(answer),
                        Ok(answer) => Err(format!("{answer:?}")),
                        Err(error) => Err(error),
                    }
                })
            })
            .collect()
    }

    /// The project's containers on all nodes, `<node> <line>`, each line in docker's format.
    pub fn containers(&self, format: &str) -> Vec<String> {
        let lines = self.lab.nodes.iter().flat_map(|node| {
            let lines = node.containers(&self.name, format);
            lines
                .into_iter()
                .map(|line| format!("{} {line}", node.name))
        });
        lines.collect()
    }
}

impl Project {
    /// Removes from this machine's engine what was built, pulled or loaded for the project: all of
    /// it bears the project's name.
    fn forget_images(&self) {
        let docker = |args: &[&str]| Command::new("docker").args(args).output().unwrap();
        let named = format!("reference={}*", self.name);
        let listed = docker(&["images", "--quiet", "--filter", &named]).stdout;
        let listed = String::from_utf8(listed).unwrap();
        let images: Vec<&str> = listed.lines().collect();
        if !images.is_empty() {
            docker(&[&["rmi", "--force"], &images[..]].concat());
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = self.webpods().run(["down", "--volumes"]);
        assert!(
            down.status == 0 || std::thread::panicking(),
            "the project could not be removed: {down}"
        );
        self.forget_images();
    }
}

/// `examples/shop` with its programs built.
fn shop() -> PathBuf {
    static SHOP: OnceLock<PathBuf> = OnceLock::new();
    let path = SHOP.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
        let make = Command::new("make")
            .args(["--quiet", "-C"])
            .arg(&path)
            .env_remove("MAKEFLAGS")
            .output()
            .unwrap();
        assert!(make.status.success(), "{make:?}");
        path
    });
    path.clone()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
