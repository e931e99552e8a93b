# Sourced: `needs cargo node …` says in one line what is missing, and ends.

needs() {
    local tool missing=()
    for tool in "$@"; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    if ((${#missing[@]})); then
        echo "missing: ${missing[*]}. Needed are a Rust toolchain (cargo), Node 20 or newer (node, npm), Python 3 (python3) and make" >&2
        exit 1
    fi
}

# Where cargo puts what it builds.
target_folder() {
    echo "${CARGO_TARGET_DIR:-target}"
}
