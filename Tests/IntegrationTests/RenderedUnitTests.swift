import Foundation
import Testing

extension IntegrationTests {
    /// What `topology render systemd` writes is run as systemd would: the unit's own command lines, its user, its
    /// limits, its paths; without systemd, which no test machine has to have.
    @Suite(.serialized) struct RenderedUnitTests {
        /// A user of no name: nothing on this machine belongs to it.
        private static let user = "61234"

        /// Runs a unit in a mount namespace of its own, where /etc and /var/lib are layers over the machine's: $1 unit
        /// directory, $2 topology, $3 identity, $4 state, $5 scratch, $6 user. The rest is read from the unit.
        private static let runner = """
            set -eu
            unit=$1/bolt.service scratch=$5 user=$6
            setting() { sed -n "s/^$1=//p" "$unit"; }
            mount --make-rprivate /
            mount -t tmpfs -o mode=0755 bolt-test "$scratch"
            for place in etc var/lib; do
                mkdir -p "$scratch/$place/upper" "$scratch/$place/work"
                layers="lowerdir=/$place,upperdir=$scratch/$place/upper,workdir=$scratch/$place/work"
                mount -t overlay bolt-test -o "$layers" "/$place"
            done
            install -d -m 0755 /etc/bolt
            install -m 0644 "$1/bolt.yaml" "$2" /etc/bolt/
            # StateDirectory and what boltctl bolt join made, both the user's own.
            install -d -m "$(setting StateDirectoryMode)" "/var/lib/$(setting StateDirectory)" /etc/bolt/identity
            cp -r "$3/." /etc/bolt/identity/
            cp -r "$4/." "/var/lib/$(setting StateDirectory)/"
            chown -R "$user:$user" /etc/bolt/identity "/var/lib/$(setting StateDirectory)"
            umask "$(setting UMask)"
            # No more than this machine lets anybody have.
            ulimit -n "$(setting LimitNOFILE)" 2>/dev/null || ulimit -n "$(ulimit -H -n)"
            ulimit -c "$(setting LimitCORE)"
            as() {
                exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \\
                    --bounding-set=-all --inh-caps=-all -- env -i "$@"
            }
            (as $(setting ExecStartPre))
            as $(setting ExecStart)
            """

        @Test(
            "a bolt that runs from its rendered unit, as that unit's user, serves the mesh it served before",
            .enabled(if: SmallDisk.canMount), .timeLimit(.minutes(3)))
        func served() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let south = mesh.bolts[1]
                let program = Command.binaries.appending(path: "bolt").path
                let units = mesh.file("units")
                try mesh.done(
                    "topology", "render", "systemd", mesh.topology, "--out", units, "--program", program)
                let digest = try #require(Set(mesh.digests()).count == 1 ? mesh.digests().first : nil)
                try mesh.stop(south)
                let scratch = mesh.file("scratch")
                try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
                let child = try Background(
                    "/usr/bin/unshare",
                    [
                        "-m", "/bin/sh", "-c", Self.runner, "unit", "\(units)/\(south.name)", "\(units)/topology.yaml",
                        south.identity, south.state, scratch, Self.user,
                    ])
                defer {
                    child.signal(SIGTERM)
                    #expect(child.wait(seconds: 30) == 0, "\(child.text)")
                }
                try waitUntil("the unit's bolt is healthy", seconds: 30) {
                    guard child.isRunning else { throw TimedOut(description: child.text) }
                    return try mesh.health(south) == 200
                }
                let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
                #expect(status.contains("Uid:\t\(Self.user)\t\(Self.user)\t") && status.contains("NoNewPrivs:\t1"))
                #expect(try mesh.digests() == [digest, digest], "it is who it was, and knows what it knew")
                let token = try mesh.token(at: south)
                try mesh.enroll("web-1", token: token, at: south)
                try mesh.waitForEqualDigests()
            }
        }
    }
}
