import BoltAPI
import Spanner

/// Units of systemd and the files beside them, one directory a bolt.
struct SystemdUnits {
    private let bolts: RenderedBolts

    init(_ bolts: RenderedBolts) { self.bolts = bolts }

    /// `NAME.PARTITION/` for each bolt, and what all machines share.
    var files: [RenderedFile] {
        let shared = [
            RenderedFile("topology.yaml", bolts.document),
            RenderedFile("bolt.sysusers.conf", "u bolt - \"Bolt\" /var/lib/bolt\n"),
        ]
        return shared
            + bolts.topology.bolts.flatMap { entry in
                [
                    RenderedFile("\(entry.bolt.name).\(entry.partition)/bolt.service", unit(entry)),
                    RenderedFile(
                        "\(entry.bolt.name).\(entry.partition)/bolt.yaml",
                        bolts.configuration(of: entry, at: RenderedBolts.Places())),
                ]
            }
    }

    /// What is left for people to do.
    var notes: [String] {
        let machines = Dictionary(grouping: bolts.topology.bolts) { LocalBolt.split($0.bolt.address).host }
        let crowded = machines.filter { $0.value.count > 1 }.keys.sorted()
        let shared = crowded.map { host in
            "several bolts stand on \(host): the unit and its files have one place on a machine, so rename all but one"
        }
        let steps = [
            "each machine needs an identity in /etc/bolt/identity: boltctl bolt join",
            "then, as root: systemd-sysusers && chown -R bolt:bolt /etc/bolt/identity && systemctl daemon-reload && "
                + "systemctl enable --now bolt",
        ]
        return steps + shared
    }

    /// The unit. A bolt needs two directories and the network, and gets nothing else.
    private func unit(_ entry: RenderedBolts.Entry) -> String {
        """
        [Unit]
        Description=Bolt \(entry.bolt.name).\(entry.partition) of the mesh \(bolts.topology.mesh)
        Wants=network-online.target
        After=network-online.target
        # It is started again however often it ends; the daemon itself counts unclean ends.
        StartLimitIntervalSec=0

        [Service]
        Type=exec
        User=bolt
        Group=bolt
        UMask=0077
        ExecStartPre=\(bolts.program) check-config --config /etc/bolt/bolt.yaml
        ExecStart=\(bolts.program) run --config /etc/bolt/bolt.yaml
        Restart=always
        RestartSec=2
        # limits.drain_seconds and some more.
        TimeoutStopSec=30
        StateDirectory=bolt
        StateDirectoryMode=0700
        ReadWritePaths=/etc/bolt/identity
        LimitNOFILE=65536
        # Keys stay in memory: no dump, no swap.
        LimitCORE=0
        LimitMEMLOCK=64M
        MemorySwapMax=0
        NoNewPrivileges=yes
        CapabilityBoundingSet=
        AmbientCapabilities=
        ProtectSystem=strict
        ProtectHome=yes
        PrivateTmp=yes
        PrivateDevices=yes
        ProtectClock=yes
        ProtectHostname=yes
        ProtectControlGroups=yes
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        ProtectProc=invisible
        RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
        RestrictNamespaces=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        LockPersonality=yes
        MemoryDenyWriteExecute=yes
        SystemCallArchitectures=native
        SystemCallFilter=@system-service

        [Install]
        WantedBy=multi-user.target

        """
    }
}
