//! The content types that the API takes, spelled exactly as its table prints them.
//!
//! Source: the table "Content-Type / File Extension" of `POST /assets` in the Runway API v1 of
//! useapi.net. `audio/wave` is the one row left out: it is a second name of `audio/wav`, and one
//! content has one type.

/// A media type the API accepts for an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaType {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/gif`
    Gif,
    /// `image/webp`
    Webp,
    /// `image/mpo`: several JPEG pictures in one file, by the extension `.mpo` only.
    Mpo,
    /// `video/mp4`
    Mp4,
    /// `video/quicktime`
    QuickTime,
    /// `video/3gpp`
    ThreeGpp,
    /// `video/x-matroska`
    Matroska,
    /// `video/x-flv`
    Flv,
    /// `video/mpeg`: an MPEG program stream or a bare MPEG video stream.
    Mpeg,
    /// `video/MP2T`: an MPEG transport stream.
    Mp2t,
    /// `video/x-msvideo`
    Avi,
    /// `video/x-motion-jpeg`: JPEG pictures one after the other, without a container.
    MotionJpeg,
    /// `video/webm`
    WebmVideo,
    /// `video/ogg`
    OggVideo,
    /// `audio/wav`
    Wav,
    /// `audio/mpeg`
    Mp3,
    /// `audio/flac`
    Flac,
    /// `audio/ogg`
    OggAudio,
    /// `audio/webm`
    WebmAudio,
}

impl MediaType {
    /// Every type, in the order of the API's table.
    pub const ALL: [MediaType; 21] = [
        MediaType::Png,
        MediaType::Jpeg,
        MediaType::Gif,
        MediaType::Webp,
        MediaType::Mpo,
        MediaType::Mp4,
        MediaType::QuickTime,
        MediaType::ThreeGpp,
        MediaType::Matroska,
        MediaType::Flv,
        MediaType::Mpeg,
        MediaType::Mp2t,
        MediaType::Avi,
        MediaType::MotionJpeg,
        MediaType::WebmVideo,
        MediaType::OggVideo,
        MediaType::Wav,
        MediaType::Mp3,
        MediaType::Flac,
        MediaType::OggAudio,
        MediaType::WebmAudio,
    ];

    /// The value of the `Content-Type` header, letter for letter as the API prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaType::Png => "image/png",
            MediaType::Jpeg => "image/jpeg",
            MediaType::Gif => "image/gif",
            MediaType::Webp => "image/webp",
            MediaType::Mpo => "image/mpo",
            MediaType::Mp4 => "video/mp4",
            MediaType::QuickTime => "video/quicktime",
            MediaType::ThreeGpp => "video/3gpp",
            MediaType::Matroska => "video/x-matroska",
            MediaType::Flv => "video/x-flv",
            MediaType::Mpeg => "video/mpeg",
            MediaType::Mp2t => "video/MP2T",
            MediaType::Avi => "video/x-msvideo",
            MediaType::MotionJpeg => "video/x-motion-jpeg",
            MediaType::WebmVideo => "video/webm",
            MediaType::OggVideo => "video/ogg",
            MediaType::Wav => "audio/wav",
            MediaType::Mp3 => "audio/mpeg",
            MediaType::Flac => "audio/flac",
            MediaType::OggAudio => "audio/ogg",
            MediaType::WebmAudio => "audio/webm",
        }
    }

    /// The type that [`MediaType::as_str`] spells so, if there is one.
    pub fn parse(text: &str) -> Option<MediaType> {
        MediaType::ALL.into_iter().find(|media_type| media_type.as_str() == text)
    }
}

impl std::fmt::Display for MediaType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
