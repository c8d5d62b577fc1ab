# Homebrew's formula. The release workflow fills in version and checksum: packaging/homebrew/render.
class Taxiway < Formula
  desc "Uploads each file of a folder once to Runway through useapi.net"
  homepage "https://github.com/taxiway/taxiway"
  url "https://github.com/taxiway/taxiway/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/taxiway/taxiway.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"taxiway", "completions")
    man.mkpath
    (man/"man1").mkpath
    system bin/"taxiway", "man", man/"man1"
    pkgshare.install "packaging/config.example.toml" => "config.toml"
    doc.install Dir["docs/*.md"]
  end

  # `brew services start taxiway`, or `taxiway service install`: one of them.
  service do
    run [opt_bin/"taxiway", "run"]
    keep_alive crashed: true
    log_path var/"log/taxiway.log"
    error_log_path var/"log/taxiway.log"
  end

  def caveats
    <<~EOS
      The example of the configuration is #{opt_pkgshare}/config.toml.
      Folders in Desktop, Documents and Downloads need Full Disk Access:
      System Settings, Privacy & Security, for #{opt_bin}/taxiway.
    EOS
  end

  test do
    assert_equal "taxiway #{version}", shell_output("#{bin}/taxiway --version").strip
    (testpath/"drop").mkpath
    cp test_fixtures("test.png"), testpath/"drop/picture.png"
    system bin/"taxiway", "run", testpath/"drop", "--once", "--sandbox", "--state-dir", testpath/"state"
    rows = shell_output("#{bin}/taxiway ls --json --sandbox --state-dir #{testpath}/state")
    assert_match "\"state\":\"uploaded\"", rows
  end
end
