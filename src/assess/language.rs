//! Whether a text is in a language for which there are phrases. No evidence says nothing about a text in any other.

use std::collections::HashSet;
use std::sync::LazyLock;

/// So many common words are enough, whatever else stands there.
const PLENTY: usize = 4;
/// How much of a text is looked at.
const LOOK: usize = 600;
/// Fewer words than this tell no language.
const FEW: usize = 3;
/// Common words of the languages that have phrases and an alphabet: English, German, Spanish.
const COMMON: &str = " a about add after all an and any are as at be but by can change check create do does each file find fix for from get has \
    have help how i if in into is it its list make me my new no not of on one or our out please remove rename run \
    set should show so test than that the then there they this to two up update us use was we what when where which why will \
    with write you your \
    aber alle als am an auch auf aus bei beim bitte das dem den der des die diese dieser ein eine einen einer es für \
    haben hat ich im ist kann mein mit nach nicht noch nur oder schreib sich sie sind um und uns unser unsere von vom vor wann warum was wenn \
    wer werden wie wieso wir wird wo zu zum zur \
    al algo como cómo con cuando cuál de del dos el en era es esta este esto está hay haz hacer la las le lo los me mi \
    muy más nuestra nuestro no o para pero por porque puedo que qué se ser si sin sobre solo son su sus tengo todo un una uno y ya ";

/// Whether the words of a text, code left out by the caller, are of a language that is known. Short texts are taken to be.
pub(super) fn is_known(prose: &str) -> bool {
    let look = &prose[..prose.floor_char_boundary(LOOK.min(prose.len()))];
    let (mut words, mut common, mut ideographs, mut kana, mut foreign) = (0, 0, 0, 0, 0);
    for word in look.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        match word.chars().next().map_or(0, u32::from) {
            0x3040..=0x30ff => kana += 1,
            0x4e00..=0x9fff | 0x3400..=0x4dbf => ideographs += 1,
            0x0000..=0x024f => {
                words += 1;
                common += usize::from(is_common(word));
                if common >= PLENTY {
                    return true;
                }
            }
            _ => foreign += 1,
        }
    }
    if foreign > words + ideographs + kana {
        return false;
    }
    ideographs + kana > 0 || words < FEW || common * 12 >= words
}

fn is_common(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_whitespace().collect());
    match word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        true => WORDS.contains(word),
        false => WORDS.contains(word.to_lowercase().as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_with_phrases_are_known() {
        for text in [
            "why is the sky blue?",
            "warum ist der Himmel blau und nicht grün",
            "¿por qué el cielo es azul?",
            "为什么天空是蓝色的",
            "空はなぜ青いのですか",
            "rename foo.ts",
        ] {
            assert!(is_known(text), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "dlaczego niebo jest niebieskie zamiast zielonego",
            "почему небо голубое, а не зелёное",
            "하늘은 왜 파란가요",
            "لماذا السماء زرقاء",
            "gökyüzü neden mavi renkli görünür acaba",
        ] {
            assert!(!is_known(text), "{text}");
        }
    }
}
