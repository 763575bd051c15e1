//! A plain HTTP server with ranges and entity tags, which can be told to misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running server; its threads end when it is dropped.
pub struct HttpServer {
    address: SocketAddr,
    state: Arc<State>,
}

/// What a server does wrong with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Takes the request and never answers.
    Hang,
    /// Sends the headers, and then one byte every 20 ms.
    Drip,
    /// Breaks the connection after so many bytes of the body.
    ResetAfter(usize),
    /// Sends so many bytes more than the file has, and says so.
    LongerBy(usize),
    /// Answers a range with the one that begins a byte later.
    WrongRange,
    /// Before it answers, the file becomes this, with another tag.
    Change(Vec<u8>),
    /// Takes no notice of `If-Match`; otherwise right.
    IgnoreConditions,
    /// Answers with this status and no body.
    Status(u16),
    /// Sends the client elsewhere.
    Redirect(String),
}

/// A request as a hook sees it.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `HEAD`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
}

type Hook = Box<dyn Fn(&Request) -> Option<Vec<u8>> + Send + Sync>;

#[derive(Default)]
struct State {
    files: Mutex<HashMap<String, Vec<u8>>>,
    faults: Mutex<HashMap<String, Vec<Fault>>>,
    log: Mutex<Vec<String>>,
    hook: Mutex<Option<Hook>>,
    no_ranges: AtomicBool,
    no_tags: AtomicBool,
    stopped: AtomicBool,
}

impl HttpServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let state = serving.clone();
                std::thread::spawn(move || serve(&state, stream));
            }
        });
        Self { address, state }
    }

    /// The address of `path` (with a leading `/`).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves `bytes` at `path`.
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.state.files.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    /// The next `times` GET requests for `path` go wrong in this way.
    pub fn fault(&self, path: &str, fault: &Fault, times: usize) {
        let mut faults = self.state.faults.lock().unwrap();
        faults.entry(path.to_owned()).or_default().extend(std::iter::repeat_n(fault.clone(), times));
    }

    /// Ranges are ignored from now on.
    pub fn without_ranges(&self) {
        self.state.no_ranges.store(true, Ordering::Relaxed);
    }

    /// No entity tags and no conditions from now on.
    pub fn without_tags(&self) {
        self.state.no_tags.store(true, Ordering::Relaxed);
    }

    /// Asked first for every request: a whole answer, status line and all, or `None`.
    pub fn hook(&self, hook: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static) {
        *self.state.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// Every request so far: `GET /a bytes=0-9`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.state.log.lock().unwrap().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        let _woken = TcpStream::connect(self.address);
    }
}

fn serve(state: &State, stream: TcpStream) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    while let Some(request) = read_request(&mut reader) {
        let range = request.headers.get("range").cloned().unwrap_or_default();
        let line = format!("{} {} {range}", request.method, request.target);
        state.log.lock().unwrap().push(line.trim_end().to_owned());
        if answer(state, &request, &stream).is_none() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
            None => return Some(Request { method, target, headers }),
        };
    }
}

/// `None` ends the connection.
fn answer(state: &State, request: &Request, mut stream: &TcpStream) -> Option<()> {
    if let Some(bytes) = state.hook.lock().unwrap().as_ref().and_then(|hook| hook(request)) {
        return stream.write_all(&bytes).ok();
    }
    let path = request.target.split('?').next().unwrap_or_default().to_owned();
    let fault = match request.method.as_str() {
        "GET" => state.faults.lock().unwrap().get_mut(&path).and_then(Vec::pop),
        _ => None,
    };
    match &fault {
        Some(Fault::Hang) => {
            while !state.stopped.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            return None;
        }
        Some(Fault::Change(bytes)) => {
            state.files.lock().unwrap().insert(path.clone(), bytes.clone());
        }
        Some(Fault::Status(status)) => return head(stream, *status, &[("content-length", "0".into())]),
        Some(Fault::Redirect(to)) => {
            return head(stream, 302, &[("content-length", "0".into()), ("location", to.clone())]);
        }
        _ => {}
    }
    let Some(file) = state.files.lock().unwrap().get(&path).cloned() else {
        return head(stream, 404, &[("content-length", "0".into())]);
    };
    send(state, request, stream, &file, fault.as_ref())
}

fn send(
    state: &State,
    request: &Request,
    mut stream: &TcpStream,
    file: &[u8],
    fault: Option<&Fault>,
) -> Option<()> {
    let tags = !state.no_tags.load(Ordering::Relaxed);
    let digest = blake3::hash(file).to_hex();
    let tag = format!("\"{}\"", digest.get(..16).unwrap_or_default());
    let wanted = request.headers.get("if-match");
    if tags && !matches!(fault, Some(Fault::IgnoreConditions)) && wanted.is_some_and(|wanted| *wanted != tag)
    {
        return head(stream, 412, &[("content-length", "0".into())]);
    }
    let mut headers = vec![];
    if tags {
        headers.push(("etag", tag));
    }
    let mut status = 200;
    let mut body = file.to_vec();
    if !state.no_ranges.load(Ordering::Relaxed) {
        headers.push(("accept-ranges", "bytes".into()));
        if let Some((first, last)) = range(request, file.len()) {
            let first = first + usize::from(matches!(fault, Some(Fault::WrongRange)));
            if first > last {
                return head(stream, 416, &[("content-length", "0".into())]);
            }
            status = 206;
            headers.push(("content-range", format!("bytes {first}-{last}/{}", file.len())));
            body = file.get(first..=last).unwrap_or_default().to_vec();
        }
    }
    if let Some(Fault::LongerBy(more)) = fault {
        body.extend(std::iter::repeat_n(b'x', *more));
    }
    headers.push(("content-length", body.len().to_string()));
    head(stream, status, &headers)?;
    if request.method == "HEAD" {
        return Some(());
    }
    match fault {
        Some(Fault::ResetAfter(count)) => {
            stream.write_all(body.get(..*count).unwrap_or(&body)).ok()?;
            None
        }
        Some(Fault::Drip) => {
            for byte in body {
                if state.stopped.load(Ordering::Relaxed) {
                    return None;
                }
                stream.write_all(&[byte]).ok()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            Some(())
        }
        _ => stream.write_all(&body).ok(),
    }
}

fn head(mut stream: &TcpStream, status: u16, headers: &[(&str, String)]) -> Option<()> {
    let mut text = format!("HTTP/1.1 {status} {status}\r\n");
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).ok()
}

/// First and last byte of `Range: bytes=a-b`.
fn range(request: &Request, length: usize) -> Option<(usize, usize)> {
    let (first, last) = request.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = last.parse().unwrap_or(usize::MAX);
    Some((first, last.min(length.saturating_sub(1))))
}
