//! Connections that break on purpose.

use std::any::Any;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::time::{Sleep, sleep};
use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::net;
use actix_web::web::Bytes;

/// A second handle on a client's connection.
#[derive(Debug)]
pub(crate) struct Line(TcpStream);

impl Line {
    /// Of a new connection; `None` when the system refuses, and then nothing is cut.
    pub(crate) fn of(connection: &dyn Any) -> Option<Self> {
        let stream = connection.downcast_ref::<net::TcpStream>()?;
        duplicate(stream).ok().map(Self)
    }

    /// Closes both directions at once.
    pub(crate) fn cut(&self) {
        // An error means that the client closed it first.
        drop(self.0.shutdown(Shutdown::Both));
    }
}

#[cfg(unix)]
fn duplicate(stream: &net::TcpStream) -> io::Result<TcpStream> {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().map(TcpStream::from)
}

#[cfg(windows)]
fn duplicate(stream: &net::TcpStream) -> io::Result<TcpStream> {
    use std::os::windows::io::AsSocket;
    stream.as_socket().try_clone_to_owned().map(TcpStream::from)
}

/// Long enough to send the bytes before the break.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(30);

/// A body that promises more bytes than it sends, waits a moment and fails.
pub(crate) struct Broken {
    promised: u64,
    bytes: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl Broken {
    pub(crate) fn new(promised: u64, bytes: Bytes) -> Self {
        Self { promised, bytes: Some(bytes), pause: Box::pin(sleep(BEFORE_THE_BREAK)) }
    }
}

impl MessageBody for Broken {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.promised)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(bytes)));
        }
        self.pause.as_mut().poll(context).map(|()| Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}
