//! Kubernetes quantities as whole bytes.

/// Bytes in a quantity such as `512Mi`, `1.5Gi`, `2G`, `1e9`; none where it is not one or is negative.
#[must_use]
pub fn bytes(text: &str) -> Option<i64> {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
        ("m", 1e-3),
    ];
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    let value = number.parse::<f64>().ok()? * factor;
    // `as` saturates, which is what a quantity beyond 8 EiB means here.
    (value.is_finite() && value >= 0.0).then(|| value.ceil() as i64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let check = |text: &str, wanted: Option<i64>| assert_eq!(super::bytes(text), wanted, "{text}");
        check("512Mi", Some(536_870_912));
        check("1.5Gi", Some(1_610_612_736));
        check("2G", Some(2_000_000_000));
        check("1e3", Some(1000));
        check("1500m", Some(2));
        check("7", Some(7));
        check("-1", None);
        check("many", None);
        check("", None);
    }
}
