//! The logo of the host app, read from a file.

use std::fmt;
use std::path::Path;

/// The most bytes: it is kept in memory, and loaded by phones.
const LARGEST: usize = 512 * 1024;

/// A picture that browsers can show.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    /// Its media type.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Logo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Logo({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

impl Logo {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be used, with the file and what mends it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let length = std::fs::metadata(path).map(|file| file.len());
        let length = length.map_err(|error| format!("cannot read {shown}: {error}"))?;
        if length > LARGEST as u64 {
            return Err(format!("{shown} has {length} bytes; use a picture of at most 512 KiB"));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let media_type = media_type(&bytes).ok_or_else(|| {
            format!("{shown} is no PNG, JPEG, WebP or SVG file; use one of these")
        })?;
        Ok(Self { media_type, bytes })
    }
}

/// By its first bytes: the file's name may say anything.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
            let begins =
                text.starts_with("<svg") || text.starts_with("<?xml") || text.starts_with("<!--");
            (begins && text.contains("<svg")).then_some("image/svg+xml")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nIHDR"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0JFIF", Some("image/jpeg")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", Some("image/svg+xml")),
            (b"<?xml version=\"1.0\"?>\n<svg/>", Some("image/svg+xml")),
            (b"<?xml version=\"1.0\"?>\n<html/>", None),
            (b"<html><svg/></html>", None),
            (b"GIF89a", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_file_that_is_too_large_or_no_picture_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo.png");
        for (bytes, why) in [(vec![0; LARGEST + 1], "512 KiB"), (b"text".to_vec(), "PNG, JPEG")] {
            std::fs::write(&path, bytes).unwrap();
            let error = Logo::read(&path).unwrap_err();
            assert!(error.contains("logo.png") && error.contains(why), "{error}");
        }
        std::fs::write(&path, b"\xff\xd8\xff\xe0").unwrap();
        assert_eq!(Logo::read(&path).unwrap().media_type, "image/jpeg");
    }
}
