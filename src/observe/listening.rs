//! Which TCP ports something listens on, and how much disk is free, from what Linux prints.

use std::collections::BTreeSet;

/// Ports of listening sockets in lines of `/proc/net/tcp` and `tcp6`. Other lines are skipped.
pub(super) fn ports(table: &str) -> BTreeSet<u16> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let (_, port) = words.next()?.rsplit_once(':')?;
            (words.nth(1)? == LISTEN).then_some(())?;
            u16::from_str_radix(port, 16).ok()
        })
        .collect()
}

/// Free bytes in the output of `df -Pk` for one path; none when it makes no sense.
pub(crate) fn free(df: &str) -> Option<u64> {
    // Device and mount point may hold blanks: the column before `42%` is the one.
    let words: Vec<&str> = df.lines().nth(1)?.split_ascii_whitespace().collect();
    let used = words.iter().rposition(|word| {
        word.strip_suffix('%')
            .is_some_and(|number| number.parse::<u64>().is_ok())
    })?;
    let kilobytes: u64 = words.get(used.checked_sub(1)?)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_of_both_families_count_and_connections_do_not() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0A00000A:D431 0B00000A:0016 01 00000000:00000000 00:00000000 00000000     0        0 3
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0
garbage
   9: nothing";
        assert_eq!(ports(table), BTreeSet::from([22, 80, 20000]));
        assert!(ports("").is_empty());
    }

    #[test]
    fn free_space_is_found_whatever_the_device_is_called() {
        let head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        let with = |line: &str| free(&format!("{head}{line}\n"));
        assert_eq!(with("/dev/sda1 100 40 60 40% /"), Some(61_440));
        assert_eq!(with("//nas/my share 100 40 7 93% /mnt/a b"), Some(7168));
        assert_eq!(with("overlay 100 100 0 100% /"), Some(0));
        assert_eq!(with("/dev/sda1 - - - - /"), None);
        assert_eq!(free(""), None);
    }
}
