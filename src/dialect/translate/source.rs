//! Pictures and files: behind a URL, or inside a URL.

use super::neutral::Source;

impl Source {
    /// What a URL leads to; a `data:` URL leads to what it holds.
    pub(super) fn of_url(url: String) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        let Some((media_type, data)) = inline else { return Self::Url(url) };
        // Parameters, such as a file's name, are no part of the type.
        let media_type = media_type.split(';').next().unwrap_or_default();
        Self::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
    }

    /// What the data of a file hold: a `data:` URL, or base64 alone.
    pub(super) fn of_file_data(data: String) -> Self {
        match Self::of_url(data) {
            // Bare base64 is a PDF's: there was no other sort of file before data URLs named theirs.
            Self::Url(data) => Self::Base64 { media_type: "application/pdf".to_owned(), data },
            inline => inline,
        }
    }

    /// As a URL.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
            Self::Url(url) => url.clone(),
        }
    }

    /// What a file is called whose client gives it no name.
    pub(super) fn file_name(&self) -> String {
        let media_type = if let Self::Base64 { media_type, .. } = self { media_type } else { "" };
        let ending = match media_type.rsplit(['/', '+', '.']).next().unwrap_or_default() {
            "" => "pdf",
            "plain" => "txt",
            ending => ending,
        };
        format!("document.{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_url_is_what_it_holds() {
        let inline = |kind: &str| Source::Base64 { media_type: kind.to_owned(), data: "AA==".to_owned() };
        let check = |url: &str, expected: Source| assert_eq!(Source::of_url(url.to_owned()), expected, "{url}");
        check("data:image/png;base64,AA==", inline("image/png"));
        check("data:application/pdf;name=a.pdf;base64,AA==", inline("application/pdf"));
        check("https://example.org/a.png", Source::Url("https://example.org/a.png".to_owned()));
        check("data:text/plain,hello", Source::Url("data:text/plain,hello".to_owned()));
        assert_eq!(inline("image/png").url(), "data:image/png;base64,AA==");
        assert_eq!(Source::of_file_data("AA==".to_owned()), inline("application/pdf"));
        assert_eq!(Source::of_file_data(inline("text/csv").url()), inline("text/csv"));
    }

    #[test]
    fn a_file_without_a_name_is_called_by_its_type() {
        let check = |kind: &str, expected: &str| {
            let source = Source::Base64 { media_type: kind.to_owned(), data: String::new() };
            assert_eq!(source.file_name(), expected);
        };
        check("application/pdf", "document.pdf");
        check("text/plain", "document.txt");
        check("image/svg+xml", "document.xml");
        check("", "document.pdf");
    }
}
