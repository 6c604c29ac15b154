//! What a folder of `tests/compose` asks for. `tests/compose/regenerate.py` reads the same fields,
//! and names them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use webpods::compose::Options;

/// The variables that both programs run with; nothing of this machine.
pub(super) const ENVIRONMENT: [(&str, &str); 6] = [
    ("DOCKER_CONFIG", "/nonexistent/docker"),
    ("DOCKER_HOST", "unix:///nonexistent/docker.sock"),
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C.UTF-8"),
    ("PATH", "/usr/bin:/bin"),
    ("TZ", "UTC"),
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Case {
    pub files: Vec<String>,
    pub env_files: Vec<String>,
    pub profiles: Vec<String>,
    pub services: Vec<String>,
    pub flags: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub unnamed: bool,
    pub directory: Option<String>,
    pub project_directory: Option<String>,
    pub stdin: Option<String>,
    pub text: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            files: vec!["compose.yml".to_owned()],
            env_files: Vec::new(),
            profiles: vec!["*".to_owned()],
            services: Vec::new(),
            flags: Vec::new(),
            environment: BTreeMap::new(),
            unnamed: false,
            directory: None,
            project_directory: None,
            stdin: None,
            text: false,
        }
    }
}

impl Case {
    /// As `case.json` in `folder` has it; the default without one.
    pub fn read(folder: &Path) -> Self {
        match fs::read(folder.join("case.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
            Err(_) => Self::default(),
        }
    }

    /// The words after the name of the program.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut flag = |flag: &str, word: &str| words.extend([flag.to_owned(), word.to_owned()]);
        if !self.unnamed {
            flag("-p", "proj");
        }
        if let Some(folder) = &self.project_directory {
            flag("--project-directory", folder);
        }
        for (name, list) in [
            ("-f", &self.files),
            ("--profile", &self.profiles),
            ("--env-file", &self.env_files),
        ] {
            for word in list {
                flag(name, word);
            }
        }
        words.push("config".to_owned());
        words.extend(self.flags.iter().chain(&self.services).cloned());
        words
    }

    /// The same for the loader alone.
    pub fn options(&self, folder: &Path) -> Options {
        let flag = |name: &str| self.flags.iter().any(|flag| flag == name);
        let paths = |list: &[String]| list.iter().map(PathBuf::from).collect();
        Options {
            files: paths(&self.files),
            project_dir: self.project_directory.as_ref().map(PathBuf::from),
            project_name: (!self.unnamed).then(|| "proj".to_owned()),
            env_files: paths(&self.env_files),
            profiles: self.profiles.clone(),
            services: self.services.clone(),
            environment: self.environment(),
            cwd: self.cwd(folder),
            model_only: true,
            no_interpolate: flag("--no-interpolate"),
            no_normalize: flag("--no-normalize"),
            no_consistency: flag("--no-consistency"),
            no_path_resolution: flag("--no-path-resolution"),
            ..Options::default()
        }
    }

    pub fn environment(&self) -> BTreeMap<String, String> {
        let fixed = ENVIRONMENT.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let own = self.environment.clone();
        fixed.into_iter().chain(own).collect()
    }

    pub fn cwd(&self, folder: &Path) -> PathBuf {
        match &self.directory {
            Some(below) => folder.join(below),
            None => folder.to_owned(),
        }
    }
}
