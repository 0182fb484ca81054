internal import CRDT
public import Spanner

extension RosterStore {
    /// Keeps the proof that a replica told two stories, with both signed heads: durable when this returns. Of several
    /// of one replica the one that parts lowest stays.
    public func record(_ proof: ForkProof) throws(StoreError) {
        let bytes = proof.canonicalBytes
        try database.run(
            """
            INSERT INTO fork(key, incarnation, agreed_through, proof, hash) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (key, incarnation) DO UPDATE
            SET agreed_through = excluded.agreed_through, proof = excluded.proof, hash = excluded.hash
            WHERE excluded.agreed_through < agreed_through
            """, .blob(proof.replica.key.bytes), .blob(self.bytes(of: proof.replica.incarnation)),
            .count(proof.agreedThrough), .blob(bytes), .integer(Checksum.row(0, proof.agreedThrough, bytes)))
    }

    /// All proofs that are kept, in replica order: a start hands them to the roster before any run. Throws
    /// `store_corrupt` for one that is not what was written (D4).
    public func forks() throws(StoreError) -> [ForkProof] {
        try database.rows("SELECT agreed_through, proof, hash FROM fork ORDER BY key, incarnation") {
            row throws(StoreError) in
            let bytes = row.blob(1)
            guard row.integer(2) == Checksum.row(0, row.count(0), bytes) else {
                throw database.damage("the proof of a fork is not what was written")
            }
            var decoder = CanonicalDecoder(bytes)
            do throws(DecodingFailure) {
                let proof = try ForkProof(from: &decoder)
                try decoder.finish()
                return proof
            } catch {
                throw database.damage("the proof of a fork cannot be read: \(error)")
            }
        }
    }
}
