//! What `--help` and the man pages show of each command's use.

/// What each begins with, below the options.
pub(super) const HEADING: &str = "Examples:\n";

pub(super) const CHECK: &str = "\
Examples:
  meridian check
  meridian check --config /etc/meridian/meridian.toml --format json | jq .summary.errors";

pub(super) const EXPLAIN: &str = "\
Examples:
  meridian explain www.app.example --client 49.36.10.1
  meridian explain www.app.example --client 2001:db8::1 --type AAAA --offline";

pub(super) const STATUS: &str = "\
Examples:
  meridian status
  meridian status --wait ready --timeout 30s
  meridian status --wait web/mumbai=up --wait web/singapore=eligible
  meridian status --format json | jq -r '.load.errors[]'";

pub(super) const RELOAD: &str = "\
Examples:
  meridian check && meridian reload";

pub(super) const DEMO: &str = "\
Examples:
  meridian demo
  meridian demo stop mumbai
  meridian demo start mumbai";

pub(super) const COMPLETIONS: &str = "\
Examples:
  meridian completions bash >/usr/share/bash-completion/completions/meridian
  meridian completions zsh >/usr/share/zsh/vendor-completions/_meridian
  meridian completions fish >/usr/share/fish/vendor_completions.d/meridian.fish";

pub(super) const MAN: &str = "\
Examples:
  meridian man /usr/share/man/man1";
