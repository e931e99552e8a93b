//! Names of columns in messages.

/// Names that a message lists.
const LISTED_MAX: usize = 12;
/// Likeness (Jaro-Winkler, 0 to 1) from which on a name may be what was meant.
const NEAR_MIN: f64 = 0.8;
/// Near names that a message suggests.
const NEAR_MAX: usize = 3;

/// Names, as many as a person reads.
pub(super) fn list(names: &[String]) -> String {
    let mut text = names[..names.len().min(LISTED_MAX)].join(", ");
    if names.len() > LISTED_MAX {
        text += &format!(", and {} more", names.len() - LISTED_MAX);
    }
    text
}

/// What to say of a name that no column has.
pub(super) fn missing(name: &str, names: &[String]) -> String {
    let near = near(name, names);
    let meant = match near.as_slice() {
        [] => String::new(),
        near => format!(" (did you mean {}?)", near.join(" or ")),
    };
    format!("there is no column `{name}`{meant}; its columns are {}", list(names))
}

/// The names that are most like one, the likest first.
fn near(name: &str, names: &[String]) -> Vec<String> {
    let wanted = name.to_lowercase();
    let likeness = |name: &String| {
        let name = name.to_lowercase();
        let within = name.len().min(wanted.len()) >= 3 && (name.contains(&wanted) || wanted.contains(&name));
        strsim::jaro_winkler(&wanted, &name).max(if within { NEAR_MIN } else { 0.0 })
    };
    let mut near: Vec<(f64, &String)> = names.iter().map(|name| (likeness(name), name)).collect();
    near.retain(|(likeness, _)| *likeness >= NEAR_MIN);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(NEAR_MAX);
    near.into_iter().map(|(_, name)| format!("`{name}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_lists_are_bounded() {
        let names: Vec<String> = ["timestamp", "Load", "cpu_load", "disk"].map(str::to_owned).to_vec();
        assert_eq!(
            missing("load", &names),
            "there is no column `load` (did you mean `Load` or `cpu_load`?); \
             its columns are timestamp, Load, cpu_load, disk"
        );
        assert_eq!(
            missing("heat", &names),
            "there is no column `heat`; its columns are timestamp, Load, cpu_load, disk"
        );
        let many: Vec<String> = (0..100_000).map(|at| format!("c{at}")).collect();
        let message = missing("C7", &many);
        assert!(message.len() < 300 && message.contains("`c7`"), "{message}");
        assert!(message.ends_with("c10, c11, and 99988 more"), "{message}");
    }
}
