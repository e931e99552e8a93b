//! Numbers for a sentence: as few digits as tell them apart.

/// Three significant digits, four where the first is a 1, and more where it takes them to differ from
/// `others`.
pub(super) fn number(value: f64, others: &[f64]) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "infinity".into() } else { "minus infinity".into() };
    }
    (3..=9)
        .map(|digits| (digits, with_digits(value, digits)))
        .find(|(digits, text)| {
            others.iter().all(|other| *other == value || with_digits(*other, *digits) != *text)
        })
        .map_or_else(|| with_digits(value, 17), |(_, text)| text)
}

fn with_digits(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    if !(-4..9).contains(&magnitude) {
        return format!("{value:.*e}", digits as usize - 1);
    }
    let leading_one = value.abs() < 2.0 * libm::pow(10.0, f64::from(magnitude));
    let digits = digits + i32::from(leading_one);
    let decimals = (digits - 1 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_or_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (97.23, "97.2"),
            (1234.5, "1234"),
            (98765.4, "98765"),
            (0.012341, "0.01234"),
            (-0.5, "-0.5"),
            (1.5e12, "1.50e12"),
            (3.2e-9, "3.20e-9"),
            (100.0, "100"),
            (1e8, "100000000"),
        ] {
            assert_eq!(number(value, &[]), text);
        }
    }
}
