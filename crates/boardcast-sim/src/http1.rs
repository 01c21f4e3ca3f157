//! HTTP/1.1 as bytes (RFC 9112): request and response heads, chunked bodies. Knows no sockets
//! beyond reading from one.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A response head longer than this is not one of ours.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A chunk's size line or a trailer longer than this is nonsense.
const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// Status line and headers of a response.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// As sent, in order. Names compare without case, see [`header`].
    pub(crate) headers: Vec<(String, String)>,
    /// HTTP/1.0 closes after every answer unless told otherwise.
    http10: bool,
}

/// Where a response's body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BodyEnd {
    After(u64),
    LastChunk,
    Close,
}

impl Head {
    /// Where the body of the answer to a request of `method` ends.
    pub(crate) fn body_end(&self, method: &str) -> io::Result<BodyEnd> {
        if method == "HEAD" || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(BodyEnd::After(0));
        }
        if header(&self.headers, "transfer-encoding")
            .is_some_and(|codings| codings.eq_ignore_ascii_case("chunked"))
        {
            return Ok(BodyEnd::LastChunk);
        }
        match header(&self.headers, "content-length") {
            Some(length) => length
                .parse()
                .map(BodyEnd::After)
                .map_err(|_| malformed("content-length", length)),
            None => Ok(BodyEnd::Close),
        }
    }

    /// Whether the server will take another request on this connection.
    pub(crate) fn keeps_open(&self) -> bool {
        let connection = header(&self.headers, "connection")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if self.http10 {
            connection.contains("keep-alive")
        } else {
            !connection.contains("close")
        }
    }
}

/// The first header of that name, whatever its case.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A request head, ready to be sent.
pub(crate) fn request_head(
    method: &str,
    path: &str,
    version: &str,
    headers: &[(String, String)],
) -> Vec<u8> {
    let mut head = format!("{method} {path} {version}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Reads one final response head, passing over interim 1xx ones. What came after it stays in
/// `pending`.
pub(crate) async fn read_head<R: AsyncRead + Unpin>(
    reader: &mut R,
    pending: &mut Vec<u8>,
) -> io::Result<Head> {
    loop {
        if let Some(end) = pending.windows(4).position(|four| four == b"\r\n\r\n") {
            let bytes: Vec<u8> = pending.drain(..end + 4).collect();
            let head = parse_head(&bytes)?;
            if !(100..=199).contains(&head.status) {
                return Ok(head);
            }
        } else if pending.len() > HEAD_BYTES_MAX {
            return Err(malformed("response head", "longer than 64 KiB"));
        } else if reader.read_buf(pending).await? == 0 {
            let gone = format!(
                "connection closed {} bytes into the response head",
                pending.len()
            );
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, gone));
        }
    }
}

/// Reads a body up to its end. What came after it stays in `pending`.
pub(crate) async fn read_body<R: AsyncRead + Unpin>(
    reader: &mut R,
    pending: &mut Vec<u8>,
    end: BodyEnd,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut chunks = Chunks::default();
    loop {
        let taken = match end {
            BodyEnd::After(length) => pending.len().min(length as usize - body.len()),
            BodyEnd::LastChunk => 0,
            BodyEnd::Close => pending.len(),
        };
        body.extend(pending.drain(..taken));
        if end == BodyEnd::LastChunk {
            let decoded = chunks
                .decode(pending, &mut body)
                .map_err(|why| malformed("chunked body", &why))?;
            pending.drain(..decoded);
        }
        if end == BodyEnd::After(body.len() as u64) || chunks.finished() {
            return Ok(body);
        }
        if reader.read_buf(pending).await? == 0 {
            if end == BodyEnd::Close {
                return Ok(body);
            }
            let gone = format!("connection closed {} bytes into the body", body.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, gone));
        }
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("response head", "not UTF-8"))?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let mut words = status_line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|word| word.parse().ok());
    let (true, Some(status)) = (matches!(version, "HTTP/1.0" | "HTTP/1.1"), status) else {
        return Err(malformed("status line", status_line));
    };
    let field = |line: &str| match line.split_once(':') {
        Some((name, value)) => Ok((name.to_owned(), value.trim().to_owned())),
        None => Err(malformed("header", line)),
    };
    let headers = lines.map(field).collect::<io::Result<_>>()?;
    Ok(Head {
        status,
        headers,
        http10: version == "HTTP/1.0",
    })
}

fn malformed(what: &str, found: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("malformed {what}: {found:?}"),
    )
}

/// An incremental decoder of the chunked transfer coding (RFC 9112, section 7.1).
#[derive(Debug, Default)]
pub struct Chunks {
    place: Place,
    /// The part of a size line or trailer that has arrived.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    #[default]
    SizeLine,
    Content {
        left: usize,
    },
    AfterContent,
    Trailer,
    Finished,
}

impl Chunks {
    /// Whether the terminating chunk and the trailers after it have been read.
    pub fn finished(&self) -> bool {
        self.place == Place::Finished
    }

    /// Appends to `body` what `coded` carries and returns how much of `coded` was used: all of it,
    /// except past the end.
    ///
    /// # Errors
    /// If it isn't coded that way.
    pub fn decode(&mut self, coded: &[u8], body: &mut Vec<u8>) -> Result<usize, String> {
        let mut used = 0;
        while used < coded.len() && !self.finished() {
            if let Place::Content { left } = self.place {
                let run = left.min(coded.len() - used);
                body.extend_from_slice(&coded[used..used + run]);
                used += run;
                self.place = if run == left {
                    Place::AfterContent
                } else {
                    Place::Content { left: left - run }
                };
            } else {
                self.line.push(coded[used]);
                used += 1;
                self.end_line()?;
            }
        }
        Ok(used)
    }

    /// Acts on the collected line once it is whole.
    fn end_line(&mut self) -> Result<(), String> {
        let Some(line) = self.line.strip_suffix(b"\r\n") else {
            return if self.line.len() > CHUNK_LINE_BYTES_MAX {
                Err("a chunk line without end".into())
            } else {
                Ok(())
            };
        };
        self.place = match self.place {
            Place::SizeLine => match chunk_size(line)? {
                0 => Place::Trailer,
                left => Place::Content { left },
            },
            Place::AfterContent if line.is_empty() => Place::SizeLine,
            Place::AfterContent => return Err("a chunk is longer than its size says".into()),
            Place::Trailer if line.is_empty() => Place::Finished,
            place => place,
        };
        self.line.clear();
        Ok(())
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, String> {
    let line = String::from_utf8_lossy(line);
    let digits = line.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(|_| format!("{line:?} is no chunk size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODED: &[u8] = b"5\r\nhello\r\nb;note=x\r\n, big world\r\n0\r\nTrailer: y\r\n\r\nNEXT";

    #[test]
    fn chunks_decode_the_same_whole_and_byte_by_byte() {
        let mut whole = Vec::new();
        let mut chunks = Chunks::default();
        assert_eq!(chunks.decode(CODED, &mut whole), Ok(CODED.len() - 4));
        assert!(chunks.finished());
        assert_eq!(whole, b"hello, big world");

        let (mut bytewise, mut chunks, mut used) = (Vec::new(), Chunks::default(), 0);
        for byte in CODED {
            used += chunks.decode(&[*byte], &mut bytewise).unwrap();
        }
        assert_eq!((used, bytewise), (CODED.len() - 4, whole));
    }

    #[test]
    fn a_chunk_that_outgrows_its_size_is_refused() {
        assert!(
            Chunks::default()
                .decode(b"2\r\nabc\r\n", &mut Vec::new())
                .is_err()
        );
        assert!(
            Chunks::default()
                .decode(b"zz\r\n", &mut Vec::new())
                .is_err()
        );
    }

    #[test]
    fn body_ends_follow_the_rfc() {
        let end = |head: &str, method: &str| {
            parse_head(head.as_bytes())
                .unwrap()
                .body_end(method)
                .unwrap()
        };
        assert_eq!(
            end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "GET"),
            BodyEnd::After(5)
        );
        assert_eq!(
            end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "HEAD"),
            BodyEnd::After(0)
        );
        assert_eq!(
            end(
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                "GET"
            ),
            BodyEnd::After(0)
        );
        assert_eq!(
            end(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "GET"
            ),
            BodyEnd::LastChunk
        );
        assert_eq!(end("HTTP/1.0 200 OK\r\n\r\n", "GET"), BodyEnd::Close);
    }
}
