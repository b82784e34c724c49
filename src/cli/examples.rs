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
  meridian check && meridian reload
  meridian plan && meridian reload --confirm";

pub(super) const PLAN: &str = "\
Examples:
  meridian plan
  meridian plan --config new/meridian.toml --against /etc/meridian/meridian.toml
  meridian plan --format json | jq -r '.pools[].moves[].from'";

pub(super) const SIMULATE: &str = "\
Examples:
  meridian simulate --lose mumbai
  meridian simulate --lose mumbai --lose singapore --demand noon.csv
  meridian simulate --all --format json | jq '.losses[] | select(.pools[].broken != [])'";

pub(super) const DRAIN: &str = "\
Examples:
  meridian drain mumbai --for 2h --reason 'deploy 42'
  meridian drain mumbai --to 20% --for 2h --reason 'warm up elsewhere first'
  meridian drain web/mumbai --for 30m --reason 'disk replacement'
  meridian drain '*/*/203.0.113.10' --for 1d --reason 'machine is leaving'";

pub(super) const FORCE_UP: &str = "\
Examples:
  meridian force-up web/mumbai --for 1h --reason 'its check is broken, not the az'";

pub(super) const FORCE_DOWN: &str = "\
Examples:
  meridian force-down web/mumbai --for 1h --reason 'corrupts orders' --even-if-last";

pub(super) const CLEAR: &str = "\
Examples:
  meridian clear mumbai
  meridian status --wait web/mumbai=up && meridian clear web/mumbai";

pub(super) const RELEASE: &str = "\
Examples:
  meridian release web/mumbai
  meridian release 'app.example:*/mumbai'";

pub(super) const OVERRIDES: &str = "\
Examples:
  meridian overrides
  meridian overrides --format json | jq -r '.overrides[].given'";

pub(super) const UPGRADE: &str = "\
Examples:
  meridian upgrade";

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

pub(super) const IMPORT_GDNSD: &str = "\
Examples:
  meridian import gdnsd /etc/gdnsd --to imported";

pub(super) const IMPORT_ROUTE53: &str = "\
Examples:
  meridian import route53 app.example.json --to imported
  meridian import route53 *.json --health-checks checks/all.json --to imported --strict";

pub(super) const INIT: &str = "\
Examples:
  meridian init /etc/meridian
  meridian init dns && meridian check --config dns/meridian.toml";
