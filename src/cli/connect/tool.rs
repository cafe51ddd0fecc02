//! The tools, and what each is told: one function a tool.

use serde_json::json;

use super::settings::{Content, Folder, SettingsFile, Setup};
use super::target::{Key, Target};
use crate::domain::Dialect;

/// A tool that can be pointed at a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Tool {
    /// Claude Code.
    ClaudeCode,
    /// Codex, OpenAI's coding agent.
    Codex,
    /// opencode.
    #[value(name = "opencode")]
    OpenCode,
    /// aider.
    Aider,
    /// Continue, in an editor or as `cn`.
    Continue,
    /// Cursor.
    Cursor,
    /// Cline, and Roo Code, which is set up alike.
    Cline,
    /// LLM, the command line tool and library.
    Llm,
    /// Programs with one of OpenAI's libraries.
    OpenaiSdk,
    /// Programs with one of Anthropic's libraries.
    AnthropicSdk,
}

impl Tool {
    /// Its settings for this proxy.
    pub fn setup(self, target: &Target) -> Setup {
        match self {
            Tool::ClaudeCode => claude_code(target),
            Tool::Codex => codex(target),
            Tool::OpenCode => opencode(target),
            Tool::Aider => aider(target),
            Tool::Continue => continue_dev(target),
            Tool::Cursor => cursor(target),
            Tool::Cline => cline(target),
            Tool::Llm => llm(target),
            Tool::OpenaiSdk => openai_sdk(target),
            Tool::AnthropicSdk => anthropic_sdk(target),
        }
    }
}

fn setup(name: &'static str, dialect: Dialect, file: Option<SettingsFile>) -> Setup {
    Setup { name, dialect, file, exports: Vec::new(), window: "", fields: Vec::new(), notes: Vec::new() }
}

fn claude_code(target: &Target) -> Setup {
    let model = &target.model;
    let mut content = json!({"env": {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_DEFAULT_FABLE_MODEL": model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
    }});
    match &target.key {
        Key::Env(name) => content["apiKeyHelper"] = json!(format!("printenv {name}")),
        Key::Given(key) => content["env"]["ANTHROPIC_AUTH_TOKEN"] = json!(key),
    }
    let file = SettingsFile {
        folder: Folder { variable: Some("CLAUDE_CONFIG_DIR"), is_xdg: false, path: ".claude" },
        name: "settings.json",
        content: Content::Json(content),
        clashes: match &target.key {
            Key::Env(_) => &["/env/ANTHROPIC_API_KEY", "/env/ANTHROPIC_AUTH_TOKEN"],
            Key::Given(_) => &["/env/ANTHROPIC_API_KEY", "/apiKeyHelper"],
        },
        holds_key: target.key.is_given(),
    };
    let mut setup = setup("Claude Code", Dialect::AnthropicMessages, Some(file));
    setup.notes.push(format!(
        "Claude Code takes a model that it does not know, such as `{model}`, for one with a window of a million tokens: \
         set CLAUDE_CODE_MAX_CONTEXT_TOKENS to the smallest window that your rules route to."
    ));
    setup.notes.push("ANTHROPIC_API_KEY must not be set in the shell: it would be sent as well.".to_owned());
    setup
}

fn codex(target: &Target) -> Setup {
    let mut provider = toml::Table::from_iter([
        ("name".to_owned(), "Weighbridge".into()),
        ("base_url".to_owned(), target.v1().into()),
        ("wire_api".to_owned(), "responses".into()),
    ]);
    match &target.key {
        Key::Env(name) => provider.insert("env_key".to_owned(), name.as_str().into()),
        Key::Given(key) => provider.insert("experimental_bearer_token".to_owned(), key.as_str().into()),
    };
    let providers = toml::Table::from_iter([("weighbridge".to_owned(), provider.into())]);
    let content = toml::Table::from_iter([
        ("model".to_owned(), target.model.as_str().into()),
        ("model_provider".to_owned(), "weighbridge".into()),
        ("model_providers".to_owned(), providers.into()),
    ]);
    let file = SettingsFile {
        folder: Folder { variable: Some("CODEX_HOME"), is_xdg: false, path: ".codex" },
        name: "config.toml",
        content: Content::Toml(content),
        clashes: &[],
        holds_key: target.key.is_given(),
    };
    let mut setup = setup("Codex", Dialect::OpenaiResponses, Some(file));
    setup.notes.push(format!(
        "Codex warns that it has no metadata for a model that it does not know, such as `{}`, and gives it its plain set \
         of tools. With `model` set to one of OpenAI's names it gives it that model's; let `[routing] models` have that \
         name, and the rules decide all the same.",
        target.model
    ));
    setup
}

fn opencode(target: &Target) -> Setup {
    let key = match &target.key {
        Key::Env(name) => format!("{{env:{name}}}"),
        Key::Given(key) => key.clone(),
    };
    let model = format!("weighbridge/{}", target.model);
    let content = json!({
        "$schema": "https://opencode.ai/config.json",
        "model": model,
        "small_model": model,
        "provider": {"weighbridge": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Weighbridge",
            "options": {"baseURL": target.v1(), "apiKey": key},
            "models": {&target.model: {"name": target.model}},
        }},
    });
    let file = SettingsFile {
        folder: Folder { variable: None, is_xdg: true, path: "opencode" },
        name: "opencode.json",
        content: Content::Json(content),
        clashes: &[],
        holds_key: target.key.is_given(),
    };
    let mut setup = setup("opencode", Dialect::OpenaiChat, Some(file));
    setup.notes.push(
        "An `opencode.jsonc` beside that file, and an `opencode.json` in a project, count more than what is written here."
            .to_owned(),
    );
    setup
}

fn aider(target: &Target) -> Setup {
    let mut block = format!(
        "model: {}\nopenai-api-base: {}\nshow-model-warnings: false\n",
        yaml(&format!("openai/{}", target.model)),
        yaml(&target.v1())
    );
    if let Key::Given(key) = &target.key {
        block += &format!("openai-api-key: {}\n", yaml(key));
    }
    let file = SettingsFile {
        folder: Folder { variable: None, is_xdg: false, path: "" },
        name: ".aider.conf.yml",
        content: Content::Yaml {
            block,
            taken: &["model:", "openai-api-base:", "openai-api-key:", "show-model-warnings:"],
        },
        clashes: &[],
        holds_key: target.key.is_given(),
    };
    let mut setup = setup("aider", Dialect::OpenaiChat, Some(file));
    if let Key::Env(name) = &target.key {
        setup.exports.push(("OPENAI_API_KEY", from_variable(name)));
    }
    setup.notes.push("aider calls itself `openai-python`; a key of its own tells its requests apart.".to_owned());
    setup
}

fn continue_dev(target: &Target) -> Setup {
    let key = match &target.key {
        Key::Env(name) => format!("${{{{ secrets.{name} }}}}"),
        Key::Given(key) => key.clone(),
    };
    let block = format!(
        "name: Weighbridge\nversion: 0.0.1\nschema: v1\nmodels:\n  - name: Weighbridge\n    provider: openai\n    \
         model: {}\n    apiBase: {}\n    apiKey: {}\n    roles: [chat, edit, apply]\n",
        yaml(&target.model),
        yaml(&target.v1()),
        yaml(&key)
    );
    let file = SettingsFile {
        folder: Folder { variable: Some("CONTINUE_GLOBAL_DIR"), is_xdg: false, path: ".continue" },
        name: "config.yaml",
        content: Content::Yaml { block, taken: &["name:", "version:", "schema:", "models:"] },
        clashes: &[],
        holds_key: target.key.is_given(),
    };
    let mut setup = setup("Continue", Dialect::OpenaiChat, Some(file));
    if let Key::Env(name) = &target.key {
        setup
            .notes
            .push(format!("Continue takes the key from a line `{name}=…` in the file .env beside its settings."));
    }
    setup.notes.push("Autocompletion asks at every pause in typing: give it a model and a rule of its own.".to_owned());
    setup
}

fn cursor(target: &Target) -> Setup {
    let mut setup = setup("Cursor", Dialect::OpenaiChat, None);
    setup.window = "In Cursor's settings, under Models";
    setup.fields = vec![
        ("Add custom model", target.model.clone()),
        ("OpenAI API Key", shown(&target.key)),
        ("Override OpenAI Base URL", target.v1()),
    ];
    setup.notes = vec![
        "Cursor's own servers send the requests: they must reach this address, so it has to be a public one with TLS."
            .to_owned(),
        "The address counts for all of OpenAI's models in Cursor; its Tab completion does not go through it."
            .to_owned(),
    ];
    setup
}

fn cline(target: &Target) -> Setup {
    let mut setup = setup("Cline", Dialect::OpenaiChat, None);
    setup.window = "In Cline's settings (Roo Code's are the same)";
    setup.fields = vec![
        ("API Provider", "OpenAI Compatible".to_owned()),
        ("Base URL", target.v1()),
        ("API Key", shown(&target.key)),
        ("Model ID", target.model.clone()),
    ];
    setup.notes.push(
        "What Cline shows as cost comes from the prices that are entered there; the ledger has what it really was."
            .to_owned(),
    );
    setup
}

fn llm(target: &Target) -> Setup {
    let block = format!(
        "- model_id: weighbridge\n  model_name: {}\n  api_base: {}\n  api_key_name: weighbridge\n",
        yaml(&target.model),
        yaml(&target.v1())
    );
    let file = SettingsFile {
        folder: if cfg!(target_os = "macos") {
            let path = "Library/Application Support/io.datasette.llm";
            Folder { variable: Some("LLM_USER_PATH"), is_xdg: false, path }
        } else {
            Folder { variable: Some("LLM_USER_PATH"), is_xdg: true, path: "io.datasette.llm" }
        },
        name: "extra-openai-models.yaml",
        content: Content::Yaml { block, taken: &["- model_id: weighbridge"] },
        clashes: &[],
        holds_key: false,
    };
    let mut setup = setup("LLM", Dialect::OpenaiChat, Some(file));
    let key = match &target.key {
        Key::Env(name) => format!("\"${name}\""),
        Key::Given(key) => shell(key),
    };
    setup.notes = vec![
        format!("Once, for the key:   llm keys set weighbridge --value {key}"),
        "Then:                llm -m weighbridge 'a prompt'".to_owned(),
    ];
    setup
}

fn openai_sdk(target: &Target) -> Setup {
    let mut setup = setup("OpenAI's libraries", Dialect::OpenaiChat, None);
    setup.exports = vec![("OPENAI_BASE_URL", shell(&target.v1())), ("OPENAI_API_KEY", exported(&target.key))];
    setup.notes.push(format!("The model to ask for is `{}`.", target.model));
    setup
}

fn anthropic_sdk(target: &Target) -> Setup {
    let mut setup = setup("Anthropic's libraries", Dialect::AnthropicMessages, None);
    setup.exports = vec![("ANTHROPIC_BASE_URL", shell(&target.url)), ("ANTHROPIC_API_KEY", exported(&target.key))];
    setup.notes.push(format!("The model to ask for is `{}`.", target.model));
    setup
}

/// What somebody enters into a field for the key.
fn shown(key: &Key) -> String {
    match key {
        Key::Env(name) => format!("the value of ${name}"),
        Key::Given(key) => key.clone(),
    }
}

fn exported(key: &Key) -> String {
    match key {
        Key::Env(name) => from_variable(name),
        Key::Given(key) => shell(key),
    }
}

fn from_variable(name: &str) -> String {
    format!("\"${name}\"")
}

/// A word as a POSIX shell takes it.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A text as YAML takes it: JSON's strings are YAML's.
fn yaml(text: &str) -> String {
    json!(text).to_string()
}
