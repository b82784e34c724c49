//! Service types: how gdnsd monitors an address, to a check.

use super::super::Note;
use super::super::draft::quoted;
use super::Importer;
use super::vscf::{Place, Table, Value, get};

impl Importer<'_> {
    /// The check of these service types, `None` for what is always up; what it is not, in `notes`.
    pub(super) fn check(&mut self, value: Option<&Value>, notes: &mut Vec<Note>) -> Option<String> {
        let mut checks: Vec<String> = vec![];
        for value in value.map(Value::items).unwrap_or_default() {
            let name = value.text().unwrap_or_default();
            if name == "up" {
                continue;
            }
            match self.service_type(name, &value.place, notes) {
                Err(why) => notes.push(Note::new(&value.place, why)),
                Ok(check) if checks.is_empty() => checks.push(check),
                Ok(_) => {
                    let text = format!("a pool has one check, so `{name}` is not asked");
                    notes.push(Note::new(&value.place, text));
                }
            }
        }
        checks.pop()
    }

    fn service_type(
        &mut self,
        name: &str,
        place: &Place,
        notes: &mut Vec<Note>,
    ) -> Result<String, String> {
        if name == "down" {
            return Err("service type `down` does not map; remove the endpoints".to_owned());
        }
        let table = get(self.service_types, name).and_then(Value::table);
        let table = table.ok_or_else(|| format!("there is no service type `{name}`"))?;
        let plugin = get(table, "plugin").and_then(Value::text).unwrap_or_default();
        let kind = match plugin {
            "http_status" => "http",
            "tcp_connect" => "tcp",
            plugin => {
                return Err(format!(
                    "service type `{name}` is of plugin {plugin}, which has no counterpart: it is \
                     not asked"
                ));
            }
        };
        let check = self.checks.of(name, name);
        if self.draft.shared.checks.contains_key(&check) {
            return Ok(check);
        }
        let mut lines = vec![format!("type = \"{kind}\"")];
        specific(table, &mut lines, notes);
        timing(table, place, &mut lines, notes);
        self.draft.shared.checks.insert(check.clone(), lines);
        Ok(check)
    }
}

/// What is asked for.
fn specific(table: &Table, lines: &mut Vec<String>, notes: &mut Vec<Note>) {
    for (key, value) in table {
        let text = value.text().unwrap_or_default();
        match key.as_str() {
            "port" => lines.push(format!("port = {text}")),
            "url_path" => lines.push(format!("path = {}", quoted(text))),
            "vhost" => lines.push(format!("host = {}", quoted(text))),
            "ok_codes" => lines.push(format!("status = [{}]", value.texts().join(", "))),
            "ok_thresh" => notes.push(Note::new(
                &value.place,
                "`ok_thresh` has no counterpart: `fall` counts failures in a row",
            )),
            "plugin" | "up_thresh" | "down_thresh" | "interval" | "timeout" => {}
            key => notes.push(Note::new(&value.place, format!("`{key}` has no counterpart"))),
        }
    }
}

/// How often, and what results mean. Defaults are gdnsd's.
fn timing(table: &Table, place: &Place, lines: &mut Vec<String>, notes: &mut Vec<Note>) {
    let mut number = |key: &str, default: u32, most: u32| {
        let value = get(table, key);
        let given = value.and_then(Value::text).and_then(|text| text.parse().ok());
        let number: u32 = given.unwrap_or(default);
        if number > most {
            let place = value.map_or(place, |value| &value.place);
            notes.push(Note::new(place, format!("`{key}` is at most {most}, not {number}")));
        }
        number.min(most)
    };
    let interval = number("interval", 10, 3600);
    let timeout = number("timeout", interval / 2, 60);
    let (rise, fall) = (number("up_thresh", 20, 100), number("down_thresh", 10, 100));
    lines.extend([
        format!("interval = \"{interval}s\""),
        format!("timeout = \"{timeout}s\""),
        format!("fast_interval = \"{interval}s\""),
        format!("rise = {rise}"),
        format!("fall = {fall}"),
    ]);
}
