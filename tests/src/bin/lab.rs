//! Temporary driver.
fn main() {
    let n: u64 = std::env::args().nth(1).map_or(5, |s| s.parse().unwrap());
    let pat = std::env::args().nth(2).unwrap_or_default();
    let mut total = 0.0;
    for e in tests::suites::lab2::<raft::Raft>() {
        if !e.scenario.name.contains(&pat) {
            continue;
        }
        let (mut cpu, mut sim, mut fails, mut rpcs, mut bytes, mut cmds, mut steps) =
            (0.0, 0.0, vec![], 0, 0, 0, 0);
        for seed in 0..n {
            let r = tests::run::run(&e, seed, &Default::default());
            cpu += r.cpu.as_secs_f64();
            sim += r.simulated.as_secs_f64();
            rpcs += r.totals.rpcs;
            bytes += r.totals.bytes;
            cmds += r.commands;
            steps += r.totals.steps;
            if let Err(f) = r.outcome {
                fails.push((seed, f));
            }
        }
        total += cpu;
        println!(
            "{:40} sim {:6.2} cpu {:7.4} rpcs {:6} bytes {:8} cmds {:5} steps {:6} fails {}",
            e.scenario.name,
            sim / n as f64,
            cpu / n as f64,
            rpcs / n,
            bytes / n,
            cmds / n,
            steps / n,
            fails.len()
        );
        for (s, f) in fails.iter().take(3) {
            println!("    seed {s}: {f}");
        }
    }
    println!("cpu per seed {:.4}", total / n as f64);
}
