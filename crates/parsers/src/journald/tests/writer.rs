//! Writes journals as tests want them: any layout, any mistake.

/// A journal in the making.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    compact: bool,
    entries: Vec<u64>,
}

/// How a field is stored.
pub(super) struct Data<'a>(pub(super) u8, pub(super) &'a [u8]);

impl Writer {
    pub(super) fn new(compact: bool) -> Self {
        let mut bytes = vec![0; 272];
        bytes[..8].copy_from_slice(b"LPKSHHRH");
        let flags: u32 = 4 + if compact { 16 } else { 0 };
        bytes[12..16].copy_from_slice(&flags.to_le_bytes());
        bytes[88..96].copy_from_slice(&272_u64.to_le_bytes());
        Self { bytes, compact, entries: Vec::new() }
    }

    fn object(&mut self, kind: u8, flags: u8, body: &[u8]) -> u64 {
        while !self.bytes.len().is_multiple_of(8) {
            self.bytes.push(0);
        }
        let offset = self.bytes.len() as u64;
        self.bytes.extend([kind, flags, 0, 0, 0, 0, 0, 0]);
        self.bytes.extend((body.len() as u64 + 16).to_le_bytes());
        self.bytes.extend(body);
        offset
    }

    fn offset(&self, offset: u64, plain_tail: usize) -> Vec<u8> {
        if self.compact {
            u32::try_from(offset).unwrap().to_le_bytes().to_vec()
        } else {
            [&offset.to_le_bytes()[..], &vec![0; plain_tail]].concat()
        }
    }

    pub(super) fn entry(&mut self, micros: u64, fields: &[Data<'_>]) -> &mut Self {
        let mut items = Vec::new();
        for Data(flags, payload) in fields {
            let head = vec![0; if self.compact { 56 } else { 48 }];
            let data = self.object(1, *flags, &[&head, *payload].concat());
            items.extend(self.offset(data, 8));
        }
        let number = self.entries.len() as u64 + 1;
        let body = [
            &number.to_le_bytes()[..],
            &micros.to_le_bytes(),
            &(micros / 2).to_le_bytes(),
            &[7; 16],
            &[0; 8],
            &items,
        ]
        .concat();
        let offset = self.object(3, 0, &body);
        self.entries.push(offset);
        self
    }

    /// Lists the entries so far in arrays of so many, and ends the file with free items.
    pub(super) fn finish(mut self, per_array: usize, free: usize) -> Vec<u8> {
        let entries = std::mem::take(&mut self.entries);
        let mut before: Option<u64> = None;
        let chunks = entries.chunks(per_array).count();
        for (index, chunk) in entries.chunks(per_array).enumerate() {
            let mut body = vec![0; 8];
            for entry in chunk {
                body.extend(self.offset(*entry, 0));
            }
            if index + 1 == chunks {
                for _ in 0..free {
                    body.extend(self.offset(0, 0));
                }
            }
            let offset = self.object(6, 0, &body);
            let place = before.map_or(176, |before| before + 16);
            self.set(place, offset);
            before = Some(offset);
        }
        self.set(152, entries.len() as u64);
        self.bytes
    }

    fn set(&mut self, at: u64, number: u64) {
        let at = usize::try_from(at).unwrap();
        self.bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
}
