// Ferries: passengers, vehicles and a timetable. Which fault is chosen at compile time.
#![allow(dead_code, unused_variables, unreachable_code)]
use std::collections::HashMap;
use std::thread;

#[derive(Debug, Clone)]
struct Passenger {
    name: String,
    age: u32,
}

struct Deck {
    places: Vec<Option<Passenger>>,
    weight: u8,
}

struct Ticket {
    number: u32,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.number == 0 {
            panic!("a ticket without a number");
        }
    }
}

impl Deck {
    fn new(size: usize) -> Deck {
        Deck { places: vec![None; size], weight: 0 }
    }

    #[inline(never)]
    fn board(&mut self, place: usize, name: &str, age: u32) {
        self.places[place] = Some(Passenger { name: name.to_string(), age });
        self.weight += 40;
    }

    #[inline(never)]
    fn oldest(&self) -> u32 {
        self.places.iter().filter_map(|p| p.as_ref().map(|p| p.age)).max().unwrap()
    }
}

#[inline(never)]
fn route_length(stops: &HashMap<String, u64>, from: &str, to: &str) -> u64 {
    stops.get(to).expect("no such stop") - stops[from]
}

#[inline(never)]
fn fill_report(depth: usize) -> usize {
    let mut page = [0u8; 200 * 1024];
    for i in (0..page.len()).step_by(4096) {
        unsafe { std::ptr::write_volatile(&mut page[i], (depth + i) as u8) };
    }
    let inner = collect_totals(depth);
    unsafe { std::ptr::read_volatile(&page[depth * 4096]) as usize + inner }
}

#[inline(never)]
fn collect_totals(depth: usize) -> usize {
    let mut totals = [0u64; 160 * 1024];
    for i in (0..totals.len()).step_by(512) {
        unsafe { std::ptr::write_volatile(&mut totals[i], (depth * i) as u64) };
    }
    unsafe { std::ptr::read_volatile(&totals[depth * 512]) as usize }
}

#[inline(never)]
fn ackermann(m: u64, n: u64) -> u64 {
    if m == 0 {
        n + 1
    } else if n == 0 {
        ackermann(m - 1, 1)
    } else {
        ackermann(m - 1, ackermann(m, n - 1))
    }
}

#[inline(never)]
unsafe fn read_field(passenger: *const Passenger) -> u32 {
    (*passenger).age + (*passenger).name.len() as u32
}

extern "C" fn callback(value: i32) -> i32 {
    if value > 2 {
        panic!("the callback did not expect {}", value);
    }
    value
}

#[inline(never)]
fn season(month: u32) -> &'static str {
    match month {
        1..=3 => "winter",
        4..=6 => "spring",
        7..=9 => "summer",
        10..=12 => "autumn",
        _ => unsafe { std::hint::unreachable_unchecked() },
    }
}

fn main() {
    let mut deck = Deck::new(8);
    let mut stops: HashMap<String, u64> = HashMap::new();
    let count = std::env::args().count();
    stops.insert("Oslo".to_string(), 10);
    stops.insert("Kiel".to_string(), 720);
    deck.board(0, "Ada", 36);
    deck.board(3, "Alan", 41);
    println!("{} {}", deck.oldest(), route_length(&stops, "Oslo", "Kiel"));

    #[cfg(unwrap)]
    println!("{}", Deck::new(count).oldest());
    #[cfg(expect)]
    println!("{}", route_length(&stops, "Oslo", "Atlantis"));
    #[cfg(index)]
    deck.board(7 + count, "Grace", 85);
    #[cfg(overflow)]
    for i in 0..8 {
        deck.board(i, "Edsger", 72);
    }
    #[cfg(frames)]
    thread::Builder::new()
        .name("report".to_string())
        .stack_size(1024 * 1024)
        .spawn(move || println!("{}", fill_report(count)))
        .unwrap()
        .join()
        .unwrap();
    #[cfg(recursion)]
    println!("{}", ackermann(2, 4_000_000 + count as u64));
    #[cfg(null)]
    println!("{}", unsafe { read_field(std::ptr::null()) });
    #[cfg(wild)]
    println!("{}", unsafe { read_field(0x6b3f_0000_1230 as *const Passenger) });
    #[cfg(abort)]
    if deck.oldest() > 40 {
        eprintln!("too old for this ferry");
        std::process::abort();
    }
    #[cfg(unreachable)]
    println!("{}", season(11 + 2 * count as u32));
    #[cfg(double_panic)]
    {
        let ticket = Ticket { number: 0 };
        deck.board(100, "Barbara", 50);
    }
    #[cfg(callback)]
    println!("{}", callback(2 + count as i32));
    #[cfg(double_free)]
    {
        let name = Box::new(Passenger { name: "Donald".to_string(), age: 70 });
        let copy = unsafe { std::ptr::read(&name) };
        println!("{} {}", name.age, copy.age);
        drop(name);
        drop(copy);
    }
    #[cfg(assertion)]
    assert_eq!(deck.oldest(), 36, "the oldest passenger");
    #[cfg(divide)]
    println!("{}", 100 / (count - 1));
    #[cfg(thread_panic)]
    thread::Builder::new()
        .name("boarding".to_string())
        .spawn(move || deck.board(count + 20, "Tony", 60))
        .unwrap()
        .join()
        .unwrap();
}
