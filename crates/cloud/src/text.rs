//! Text of others', as far as it goes into answers and events.

/// The most characters of a text that somebody may have made up.
pub(crate) const MOST: usize = 200;

/// The text, or the beginning of it and an ellipsis where it is longer than [`MOST`].
pub(crate) fn cut(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        text.push('…');
        // What was cut off is not kept.
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_two_characters() {
        assert_eq!(cut("short"), "short");
        let whole = "ß".repeat(MOST);
        assert_eq!(cut(whole.clone()), whole);
        assert_eq!(cut(format!("{whole}ß")), format!("{whole}…"));
        assert!(cut("x".repeat(60_000)).capacity() < 1_000);
    }
}
