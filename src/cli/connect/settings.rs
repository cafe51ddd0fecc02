//! What settings are made of: a file of one of three formats, lines for a shell, fields of a window.

use serde_json::Value;

use crate::domain::Dialect;

/// All that a tool needs to use this proxy.
pub struct Setup {
    /// The tool's name, as its makers write it.
    pub name: &'static str,
    /// What it speaks to the proxy.
    pub dialect: Dialect,
    /// Its settings file, if it has one.
    pub file: Option<SettingsFile>,
    /// Variables that its process needs, as a shell writes their values.
    pub exports: Vec<(&'static str, String)>,
    /// Where people enter what no file holds.
    pub window: &'static str,
    /// What they enter there.
    pub fields: Vec<(&'static str, String)>,
    /// What to watch for.
    pub notes: Vec<String>,
}

/// A tool's settings file and what goes into it.
pub struct SettingsFile {
    /// The variable that moves the tool's folder, and the folder below home where it is otherwise.
    pub folder: Folder,
    /// The file's name in it.
    pub name: &'static str,
    /// What it is to say.
    pub content: Content,
    /// JSON pointers of settings that would send another key.
    pub clashes: &'static [&'static str],
    /// Whether the key itself is in it, so that nobody else may read it.
    pub holds_key: bool,
}

/// Where a tool keeps its settings.
pub struct Folder {
    /// A variable that names the folder.
    pub variable: Option<&'static str>,
    /// Whether `XDG_CONFIG_HOME` stands for `.config`.
    pub is_xdg: bool,
    /// The folder, below home or below `.config`.
    pub path: &'static str,
}

/// Settings in the format of their file.
pub enum Content {
    /// Members that are put into the file's object, at any depth.
    Json(Value),
    /// Keys and tables likewise.
    Toml(toml::Table),
    /// A block of YAML that is put at the end.
    Yaml {
        /// The block.
        block: String,
        /// How lines begin that say something else of the same matter.
        taken: &'static [&'static str],
    },
}

impl Content {
    /// The settings alone, as a new file has them.
    pub fn text(&self) -> String {
        match self {
            // Values are printed to a String: nothing in them can fail to be.
            Content::Json(value) => format!("{value:#}\n"),
            Content::Toml(table) => table.to_string(),
            Content::Yaml { block, .. } => block.clone(),
        }
    }
}
