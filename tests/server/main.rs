//! The server over real sockets: every limit, deadline and end, as a client meets them.

mod certificates;
mod client;
mod client_certificates;
mod deadlines;
mod handshakes;
mod load;
mod requests;
mod shutdown;
mod site;
