// SPDX-License-Identifier: MIT

//! exchange greets a server in a worker thread. Every layer keeps large values on the stack; without optimisation they
//! do not fit into the thread's two megabytes.
use std::thread;

#[link(name = "signer")]
extern "C" {
    fn sign(value: u64) -> u64;
}

#[derive(Clone, Copy)]
struct Records([u8; 320 * 1024]);

impl Records {
    fn new(fill: u8) -> Records {
        Records([fill; 320 * 1024])
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|&byte| u64::from(byte)).sum()
    }
}

fn tls_handshake(message: Records) -> u64 {
    let hello = Records::new(message.0[0]);
    unsafe { sign(hello.sum()) }
}

fn tls_connect(message: Records) -> u64 {
    let copy = message;
    tls_handshake(copy)
}

fn websocket_handshake(message: Records) -> u64 {
    let request = message;
    tls_connect(request)
}

fn websocket_connect(message: Records) -> u64 {
    let request = message;
    websocket_handshake(request)
}

fn subscribe(number: u8) -> u64 {
    let message = Records::new(number);
    websocket_connect(message)
}

fn main() {
    let megabytes = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(2);
    println!("signed: {:x}", unsafe { sign(1) });
    let worker = thread::Builder::new()
        .name("worker".into())
        .stack_size(megabytes * 1024 * 1024)
        .spawn(|| subscribe(7))
        .unwrap();
    println!("signed: {:x}", worker.join().unwrap());
}
