use factum_benches::*;
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let backend = backends::start(&args[1]).await?.unwrap();
    let db = if args[2] == "ours" { backend.ours().await? } else { backend.by_hand().await? };
    let n: u64 = 100_000;
    if args[3] == "replay" {
        for from in (0..n / 10).step_by(1000) {
            for (i, f) in history(10).iter().enumerate() {
                db.append(from..from + 1000, i as u64, std::slice::from_ref(f)).await?;
            }
        }
        let cpu = || {
            let s = std::fs::read_to_string("/proc/self/stat").unwrap();
            let v: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
            v[11].parse::<f64>().unwrap() + v[12].parse::<f64>().unwrap()
        };
        let began = cpu();
        let rounds: u64 = args[4].parse()?;
        for _ in 0..rounds {
            assert_eq!(db.replay(&mut |_| ()).await?, n);
        }
        println!("cpu ns/event {:.0}", (cpu() - began) * 1e7 / (rounds * n) as f64);
    }
    Ok(())
}
