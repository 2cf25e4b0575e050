// Why the cloud refused something, in Chinese. The cloud says it in English, to the device
// and in its log.

const WHOLE = {
  // Signing in.
  'POST': '请使用 POST',
  'application/json (50), application/cbor (60)': '只接受 application/json (50) 和 application/cbor (60)',
  'clientId is longer than 64 characters': 'clientId 超过 64 个字符',
  'signmethod is neither hmacmd5 nor hmacsha1': 'signmethod 既不是 hmacmd5 也不是 hmacsha1',
  'ackMode is neither 0 nor 1': 'ackMode 既不是 0 也不是 1',
  'no such device, or its signature is wrong': '没有该设备，或签名错误',
  'the device is disabled': '设备已被禁用',
  'the auth server timed out': '认证服务器超时',
  'bytes follow the CBOR item': 'CBOR 数据之后还有多余字节',
  'not a CBOR map': '不是 CBOR map',
  'a name in the CBOR map is not text': 'CBOR map 中有非文本的键',
  // Publishing.
  'a topic takes no query': 'topic 不接受 query 参数',
  'access token is missing': '缺少访问令牌',
  'access token has a bad length': '访问令牌长度错误',
  'access token is not one of ours': '访问令牌不是由本平台签发的',
  'access token has expired': '访问令牌已过期',
  'access token has no use left': '访问令牌的使用次数已用完',
  'no such topic, or it is not the device\'s own': '没有该 topic，或 topic 不属于该设备',
  'no such topic: ? begins no query, and is in no name': '没有该 topic：? 不是 query 的开头，topic 名称中也不能有它',
  'the device is not registered': '设备未注册',
  'the topic is longer than 128 characters': 'topic 超过 128 个字符',
  'this server has no key for the token: it was given elsewhere, or long ago': '本服务器没有该令牌的密钥：令牌由别处签发，或签发已久',
  'option 2089 is missing': '缺少选项 2089',
  'option 2089 is not a decimal number under the session\'s key': '用会话密钥解密后，选项 2089 不是十进制数',
  'the payload does not decrypt under the session\'s key': '无法用会话密钥解密 payload',
  'the server failed': '服务器出错',
  'too many messages': '消息过多',
  'requests without an access token': '不带访问令牌的请求',
  // Other requests.
  '404 Not found': '404 没有该资源',
  'this is no proxy': '本平台不是代理',
  // The broker.
  'there is no connection to the broker': '与 broker 没有连接',
  'too many messages await the broker': '等待 broker 的消息过多',
  'the broker does not keep up with its messages': 'broker 处理不及',
  'the broker did not answer in time': 'broker 没有及时应答',
  'nobody has subscribed to the topic': '该 topic 无人订阅',
  'nobody has subscribed to this topic, which begins with a slash: the message would be lost, and the device is answered 5.03':
    '该 topic（以斜杠开头）无人订阅：消息将丢失，设备收到 5.03',
  'the broker takes no such topic': 'broker 不接受该 topic',
  'more than the broker takes': '超过 broker 允许的大小',
  'it takes no message at least once (Maximum QoS 0 in CONNACK)': 'broker 不支持 QoS 1（CONNACK 中 Maximum QoS 为 0）',
  'it acknowledges nothing': 'broker 不确认任何消息',
  'the connection ended': '连接已断开',
  // Datagrams.
  'shorter than a header': '比报文头还短',
  'version is not 1': '版本号不是 1',
  'token longer than 8 bytes': 'token 超过 8 字节',
  'bytes after an empty message': '空消息之后还有字节',
  'longer than 16384 bytes': '超过 16384 字节',
  'more than 100 options': '选项超过 100 个',
  'token or options run past the end': 'token 或选项超出报文末尾',
  'no record of DTLS': '不是 DTLS 记录',
  'a payload marker without a payload': '有 payload 标记但没有 payload',
  // DTLS.
  'DTLS handshakes that take a signature': '需要签名的 DTLS 握手',
  'the client\'s identity is the key of --psk: give it IDENTITY and KEY in each other\'s places': '设备的 identity 是 --psk 的密钥：请把 IDENTITY 与 KEY 对调',
  'too many handshakes': '握手过多',
  'too many sessions': '会话过多',
  'too many sessions of its device': '该设备的会话过多',
  'closed by client': '由设备关闭',
  'closed by server': '由平台关闭',
  'forgotten': '已被忘记',
  'idle': '长时间沉默',
  'replaced': '已被新会话取代',
  'the handshake timed out': '握手超时',
  'the client did not complete the handshake in time': '设备没有及时完成握手',
  'the session is closed': '会话已关闭',
  'the source of randomness failed': '随机源失效',
  'out of memory': '内存不足',
  'all sequence numbers are used up': '序列号已用完',
  'too many forged records have come': '伪造的记录过多',
  'the private key made no signature': '私钥没有产生签名',
  'the peer does not know RFC 5746': '对方不支持 RFC 5746',
  'the peer does not speak DTLS 1.2': '对方不支持 DTLS 1.2',
  'the peer\'s Finished does not match the handshake': '对方的 Finished 与握手不符',
  'the peer sent an extension that was not offered': '对方发送了未提供的扩展',
};

/** Those with a name or a number in them. */
const WITH_VALUES = [
  [/^(\S+) is missing$/, '缺少 $1'],
  [/^(\S+) is not a decimal number$/, '$1 不是十进制数'],
  [/^(.+) is neither text nor a number$/s, '$1 既不是文本也不是数字'],
  [/^(.+) is given twice$/s, '$1 重复出现'],
  [/^not a JSON object: (.+)$/s, '不是 JSON 对象：$1'],
  [/^not valid CBOR: (.+)$/s, '不是有效的 CBOR：$1'],
  [/^critical option (\d+) is not understood$/, '不支持关键选项 $1'],
  [/^sequence number (\d+) is repeated, or not above seqOffset$/, '序列号 $1 重复，或不大于 seqOffset'],
  [/^the broker refused: (.+)$/s, 'broker 拒绝：$1'],
  [/^this is the port of (\S+); use DTLS, or have coap:\/\/ served by --udp-port$/, '这是 $1 的端口：请使用 DTLS，或用 --udp-port 提供 coap://'],
  [/^this is the port of (\S+); leave out DTLS, or have coaps:\/\/ served by --dtls-port$/, '这是 $1 的端口：请不用 DTLS，或用 --dtls-port 提供 coaps://'],
  [/^this is the port of (\S+); use (.+)$/, '这是 $1 的端口：请使用 $2'],
  [/^the peer sent the alert (.+)$/, '对方发送了警报 $1'],
  [/^the peer sent a malformed (.+)$/, '对方发送的 $1 格式错误'],
  [/^the peer sent a handshake message of (\d+) bytes: the limit is (\d+)$/, '对方发送的握手消息有 $1 字节，上限为 $2'],
  [/^the peer sent (.+) out of order$/, '对方发送 $1 的次序错误'],
  [/^the peer chose (.+) that was not offered$/, '对方选择了未提供的 $1'],
  [/^(?:the peer offers no cipher suite that is supported|no shared cipher): a client with a pre-shared key needs --psk$/, '对方没有提供受支持的 cipher suite：使用预共享密钥的设备需要 --psk'],
  [/^the identity (.+) of the client's pre-shared key is unknown: --psk has the identity (.+)$/s, '设备预共享密钥的 identity $1 未知：--psk 中的 identity 是 $2'],
  [/^the key differs: the client claims the identity (.+), and what it encrypts does not decrypt with the key of --psk$/s, '密钥不同：设备声称的 identity 是 $1，但其加密内容无法用 --psk 的密钥解密'],
  [/^the peer offers no (.+) that is supported$/, '对方没有提供受支持的 $1'],
];

/** What the cloud said, in Chinese; as it is where there is no word for it. */
export function inChinese(said) {
  if (Object.hasOwn(WHOLE, said)) return WHOLE[said];
  const found = WITH_VALUES.find(([pattern]) => pattern.test(said));
  return found ? said.replace(found[0], found[1]) : said;
}
