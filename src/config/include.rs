//! `include` in `meridian.toml`: several files read as if they were one.
//!
//! Tables of settings and the lists of azs, checks and pools are joined; what has a name of its
//! own, as `[az.mumbai]`, and every other key stands in one file alone, so that the order of files
//! means as little as that of keys. A file that several others include is read once.

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::Code;
use super::content::{Content, Contents};
use super::key::{SERVER_FILE, TABLES};
use super::load::{directory_of, unreadable};
use super::reader::{Faults, Placed, Value, report_duplicates};

/// The texts of the files, which can be borrowed while more are added.
#[derive(Default)]
pub(super) struct Texts {
    text: OnceCell<Arc<[u8]>>,
    next: OnceCell<Box<Self>>,
}

/// The entries of the file at `path` and of all that it includes. An error is that of the file
/// itself; what is wrong with the others is among the faults.
pub(super) fn read_included<'t>(
    path: &Path,
    contents: &mut Contents,
    texts: &'t Texts,
    faults: &mut Faults,
) -> io::Result<DeTable<'t>> {
    let content = contents.read(path)?;
    let mut including =
        Including { contents, texts, faults, chain: vec![], read: vec![], entries: DeTable::new() };
    including.add(File::at(path), content);
    Ok(including.entries)
}

struct Including<'r, 't> {
    contents: &'r mut Contents,
    texts: &'t Texts,
    faults: &'r mut Faults,
    /// From the first file to the one that is being read.
    chain: Vec<File>,
    /// Every file so far.
    read: Vec<File>,
    entries: DeTable<'t>,
}

/// A file by the path that led to it.
#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    /// What is the same for all paths to one file, as far as that can be told.
    identity: PathBuf,
}

impl Including<'_, '_> {
    /// Adds a file and what it includes.
    fn add(&mut self, file: File, content: Content) {
        let text = self.texts.add(content.text);
        let mut entries = self.faults.parse(text, content.id, directory_of(&file.path));
        let paths = match entries.get_key_value("include") {
            Some((key, value)) => self.paths(Value::of(key, value, &SERVER_FILE, self.faults)),
            None => vec![],
        };
        entries.remove("include");
        join(&mut self.entries, entries, "", self.faults);
        self.chain.push(file.clone());
        self.read.push(file);
        for path in paths {
            self.include(&path);
        }
        self.chain.pop();
    }

    fn paths(&mut self, list: Value<'_>) -> Vec<Placed<PathBuf>> {
        let elements = list.array(self.faults).unwrap_or_default();
        let texts = elements.into_iter().filter_map(|path| path.placed_string(self.faults));
        let texts: Vec<_> = texts.collect();
        report_duplicates(&texts, "the file", self.faults);
        let path = |Placed { value, span }: Placed<String>| Placed {
            value: self.faults.directory(span).join(value),
            span,
        };
        texts.into_iter().map(path).collect()
    }

    fn include(&mut self, path: &Placed<PathBuf>) {
        let Placed { value: path, span } = path;
        let file = File::at(path);
        let is_cycle = self.chain.contains(&file);
        if is_cycle || self.chain.len() == MAX_CHAIN {
            let files = self.chain.iter().chain([&file]).map(|of| of.path.display().to_string());
            let chain = files.collect::<Vec<_>>().join(" includes ");
            let label = if is_cycle { "has begun already" } else { "one file too deep" };
            let fault = Code::IncludeChain.at(*span, chain).label(label);
            let remedy = format!("remove one of these; at most {MAX_CHAIN} files may be in a row");
            self.faults.push(fault.remedy(remedy));
            return;
        }
        if self.read.contains(&file) {
            return;
        }
        match self.contents.read(path) {
            Ok(content) => self.add(file, content),
            Err(error) => {
                let fault = Code::Unreadable.at(*span, unreadable(path, &error));
                self.faults.push(fault.remedy("check the path and who may read it"));
            }
        }
    }
}

impl File {
    fn at(path: &Path) -> Self {
        let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self { path: path.to_owned(), identity }
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Texts {
    fn add(&self, text: Arc<[u8]>) -> &[u8] {
        let mut list = self;
        while list.text.get().is_some() {
            list = list.next.get_or_init(Box::default);
        }
        list.text.get_or_init(|| text)
    }
}

/// Adds to `entries`, of the table that is called `header`, those of another file.
fn join<'t>(entries: &mut DeTable<'t>, more: DeTable<'t>, header: &str, faults: &mut Faults) {
    for (key, value) in more {
        let name = key.get_ref().as_ref();
        let path = if header.is_empty() { name.to_owned() } else { format!("{header}.{name}") };
        let is_joined = header.is_empty() || is_settings(&path);
        let Some((first, _)) = entries.get_key_value(name) else {
            entries.insert(key, value);
            continue;
        };
        let (first, again) = (faults.span(first.span()), faults.span(key.span()));
        let before = entries.get_mut(name).map(toml::Spanned::get_mut);
        match (before, value.into_inner()) {
            (Some(DeValue::Table(before)), DeValue::Table(more)) if is_joined => {
                join(before, more, &path, faults);
            }
            _ => {
                let message = format!("`{}` is given in two files", path.escape_debug());
                let fault = Code::GivenTwice.at(again, message).label("again");
                let fault = fault.related(first, "first here");
                faults.push(fault.remedy("keep it in one of the files"));
            }
        }
    }
}

/// Whether the table has keys of ours, not names of the operator's.
fn is_settings(path: &str) -> bool {
    TABLES.iter().any(|table| table.header.trim_matches(['[', ']']) == path)
}

/// The first file counts too.
const MAX_CHAIN: usize = 8;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{ControlSocket, Environment, Load, control_socket, load};
    use crate::diag::one_line;

    /// A directory with these files, each after a line `=== path`, and zones without a zone.
    fn directory(files: &str) -> TempDir {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("zones")).unwrap();
        for file in files.split("=== ").skip(1) {
            let (path, text) = file.split_once('\n').unwrap();
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn load_in(directory: &Path) -> Load {
        load(&directory.join("meridian.toml"), &Environment::default())
    }

    /// The errors that these files have, in a line each.
    fn errors(files: &str) -> Vec<String> {
        let directory = directory(files);
        let load = load_in(directory.path());
        let errors = load.diagnostics.iter().filter(|fault| fault.is_error());
        let lines = errors.map(|fault| one_line(fault, &load.sources));
        let root = format!("{}/", directory.path().display());
        lines.map(|line| line.replace(&root, "")).collect()
    }

    #[test]
    fn included_files_are_read_as_if_they_were_one() {
        let directory = directory(
            "=== meridian.toml\ninclude = [\"fleet.toml\"]\nserver.tcp.idle = \"7s\"\n\
             === fleet.toml\nserver.tcp.connections = 7\naz.mumbai.location = [1, 2]\n",
        );
        let server = load_in(directory.path()).server.unwrap();
        assert_eq!(server.settings.tcp.idle.as_secs(), 7);
        assert_eq!(server.settings.tcp.connections, 7);
        assert_eq!(server.azs.len(), 1);
    }

    #[test]
    fn a_relative_path_is_relative_to_the_file_that_holds_it() {
        let directory = directory(
            "=== meridian.toml\ninclude = [\"fleet/all.toml\"]\nserver.state = \"state\"\n\
             === fleet/all.toml\ninclude = [\"more.toml\"]\ngeoip.databases = [\"city.mmdb\"]\n\
             === fleet/more.toml\nserver.control = \"../run/control\"\n",
        );
        let settings = load_in(directory.path()).server.unwrap().settings;
        assert_eq!(settings.state, directory.path().join("state"));
        assert_eq!(settings.databases[0].path(), directory.path().join("fleet/city.mmdb"));
        assert_eq!(settings.control, directory.path().join("fleet/../run/control"));
    }

    #[test]
    fn commands_find_a_socket_that_an_included_file_names() {
        let directory = directory(
            "=== meridian.toml\ninclude = [\"fleet.toml\", \"missing.toml\"]\n\
             === fleet.toml\nserver.control = \"/run/control\"\n",
        );
        let path = directory.path().join("meridian.toml");
        let socket = control_socket(&path, &Environment::default()).unwrap();
        assert_eq!(socket, ControlSocket { path: "/run/control".into(), is_named: true });
    }

    #[test]
    fn a_fault_in_an_included_file_is_shown_in_it() {
        let files = "=== meridian.toml\ninclude = [\"a.toml\"]\nserver.ecs = 1\n\
                     === a.toml\n\n[server]\nudp_payload = 1\nworkers =\n";
        let found = errors(files);
        assert_eq!(
            found,
            [
                "meridian.toml:2:14: error[config/wrong-type]: \
                 `ecs` must be true, false or a list of networks",
                "a.toml:3:15: error[config/out-of-range]: \
                 `udp_payload` must be from 512 to 4096",
                "a.toml:4:10: error[config/syntax]: a value is missing",
            ]
        );
    }

    #[test]
    fn a_file_that_two_others_include_is_read_once() {
        let files = "=== meridian.toml\ninclude = [\"a.toml\", \"./b.toml\"]\n\
                     === a.toml\ninclude = [\"c.toml\"]\n\
                     === b.toml\ninclude = [\"./c.toml\"]\n\
                     === c.toml\naz.mumbai.location = [1, 2]\n";
        assert_eq!(errors(files), [""; 0]);
    }

    #[test]
    fn a_missing_file_is_a_fault_of_the_line_that_includes_it() {
        assert_eq!(
            errors("=== meridian.toml\ninclude = [\"a.toml\"]\n"),
            ["meridian.toml:1:12: error[file/unreadable]: \
              can't read a.toml: no such file or directory"]
        );
    }

    #[test]
    fn a_chain_of_files_ends_somewhere() {
        let file = |index| format!("=== {index}.toml\ninclude = [\"{}.toml\"]\n", index + 1);
        let chain = |files: usize| {
            let rest: String = (1..files).map(file).collect();
            let last = format!("=== {files}.toml\n");
            errors(&format!("=== meridian.toml\ninclude = [\"1.toml\"]\n{rest}{last}"))
        };
        assert_eq!(chain(MAX_CHAIN - 1), [""; 0]);
        let [error] = &chain(MAX_CHAIN)[..] else { panic!("one error") };
        assert!(error.starts_with("7.toml:1:12: error[config/include-chain]: meridian.toml inc"));
        assert!(error.ends_with("6.toml includes 7.toml includes 8.toml"));
    }
}
