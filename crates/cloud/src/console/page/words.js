// What the page says, in the languages that it speaks. Texts of the protocol (paths,
// reasons, option names) are shown as they are.

const WORDS = {
  en: {
    'skip': 'To the messages',
    'language': 'Language',
    'urls': 'Addresses of the cloud',
    'link-opening': 'Connecting to the cloud …',
    'link-open': 'Connected',
    'link-gone': 'No connection to the cloud since {time}. Trying again …',
    'link-silent': 'The cloud has said nothing since {time}. Trying again …',
    'devices': 'Devices',
    'device': 'Device',
    'transport': 'Transport',
    'signed-in-since': 'Signed in',
    'token-expires': 'Token expires',
    'last-seen': 'Last seen',
    'taken': 'Taken',
    'refused': 'Refused',
    'repeated': 'Repeated',
    'meaning': 'What is counted and measured',
    'repeated-is': 'Repeated by devices: requests that came again under the same message id. The device did not get its answer in time, or the duplicate fault doubled them.',
    'elsewhere': 'elsewhere',
    'unknown': 'not known',
    'expired': 'expired',
    'expired-early': 'expired by switch',
    'ago': '{time} ago',
    'in': 'in {time}',
    'now': 'now',
    'more-devices': 'showing {shown} of {all}',
    'no-device': 'No device yet. Sign one in, for example with a program of c_examples:',
    'sample-device': 'It is the sample device; --device KEY,NAME,SECRET lets others sign in.',
    'own-device': 'With the device\'s secret in the place of the dots.',
    'graphs': 'The last five minutes',
    'traffic': 'Retransmissions',
    'traffic-says': '{requests} requests, {repeated} repeated, {sentAgain} sent again',
    'key-requests': 'requests, each 5 s',
    'key-repeated': 'repeated by devices',
    'key-sent-again': 'sent again by the cloud',
    'sent-again-is': 'Sent again by the cloud: its confirmable messages (separate responses, pings) that no device acknowledged in time.',
    'round-trips': 'Round trips',
    'round-trips-are': 'Round trips: from a confirmable message of the cloud (separate response, ping) to the device\'s answer, with the delays that faults add. What the device measures itself the cloud cannot see.',
    'round-trips-say': '{count} measured, median {median} ms, longest {longest} ms',
    'no-round-trip': 'none yet: switch on separate responses, or ping devices',
    'key-once': 'cloud to device and back',
    'key-again': 'answered after sending again',
    'messages': 'Messages',
    'all': 'all',
    'code': 'Code',
    'show': 'Show',
    'show-requests': 'requests',
    'show-transport': 'transport',
    'show-faults': 'faults',
    'pause': 'Pause',
    'resume': 'Resume',
    'resume-waiting': 'Resume ({count} waiting)',
    'clear': 'Clear',
    'time': 'Time',
    'what': 'What',
    'subject': 'Path or subject',
    'payload': 'Payload',
    'payload-or-reason': 'Payload or reason',
    'no-row': 'Nothing yet, or nothing that passes the filter.',
    'missed': '{count} events were left out: they came faster than this page takes them.',
    'anew': 'The cloud was started anew.',
    'faults': 'Faults',
    'loss': 'Loss',
    'loss-share': 'Loss: share of datagrams lost, in each direction',
    'delay': 'Delay',
    'delay-low': 'Delay: shortest, in milliseconds',
    'delay-high': 'Delay: longest, in milliseconds',
    'separate': 'Separate responses',
    'separate-share': 'Share of requests answered by a separate confirmable response',
    'as-text': 'All, as --faults takes them',
    'apply': 'Apply',
    'expire-tokens': 'Expire all access tokens now',
    'close-sessions': 'Close DTLS sessions now',
    'ping': 'Ping devices',
    'ping-does': 'An empty confirmable message to every address heard from in the last four minutes; the answers are round trips.',
    'said-faults': 'Faults changed.',
    'said-expire-tokens': 'All access tokens given so far are refused (4.01): devices must sign in again.',
    'said-close-sessions': 'DTLS sessions closed: {count}.',
    'said-ping': 'Addresses pinged: {count}.',
    'said-failed': 'That did not work: {reason}',
    'bad-number': 'That value is not allowed: {reason}',
    'details': 'Details',
    'no-detail': 'Choose a message for its options and payload; ↑ and ↓ go on from there.',
    'options': 'Options',
    'number': 'No.',
    'name': 'Name',
    'value': 'Value',
    'bytes': '{count} bytes',
    'mislabelled': 'not what its Content-Format says',
    'cut': 'only its start is shown',
    'copy': 'Copy',
    'copied': 'Copied.',
    'field-reason': 'Reason',
    'field-peer': 'From',
    'field-number': 'Taken as no.',
    'field-type': 'Type',
    'field-message_id': 'Message id',
    'field-token': 'Token',
    'field-sequence': 'Sequence number',
    'field-twice': 'Taken before, under another message id',
    'field-after': 'After',
    'field-by': 'By',
    'field-sent': 'Times sent',
    'field-session': 'Session',
    'field-resumed': 'Resumed',
    'field-connection_id': 'Connection id',
    'field-from': 'Before that at',
    'field-sessions': 'Sessions',
    'field-direction': 'Direction',
    'field-bytes': 'Bytes',
    'field-client_id': 'Client id',
    'field-sign_method': 'Sign method',
    'field-content_format': 'Content-Format',
    'field-extra': 'Further',
    'field-access_token': 'Access token',
    'field-expires': 'Token expires',
    'kind-message': 'message',
    'kind-signed_in': 'signed in',
    'kind-sign_in_refused': 'sign-in refused',
    'kind-request_refused': 'request refused',
    'kind-duplicate': 'came again',
    'kind-ping': 'ping from device',
    'kind-malformed': 'malformed',
    'kind-answered': 'device answered',
    'kind-sent_again': 'sent again',
    'kind-unanswered': 'never answered',
    'kind-datagram': 'Datagram',
    'kind-dtls_opened': 'DTLS opened',
    'kind-dtls_moved': 'DTLS moved',
    'kind-dtls_restored': 'DTLS restored',
    'kind-dtls_saved': 'DTLS saved',
    'kind-dtls_failed': 'DTLS failed',
    'kind-dtls_closed': 'DTLS closed',
    'kind-fault': 'fault',
    'kind-ready': 'Cloud ready',
    'kind-tokens_expired': 'All access tokens expired',
    'kind-faults_changed': 'Faults changed',
    'kind-broker_connected': 'Broker connected',
    'kind-broker_lost': 'No broker',
    'kind-read_again': 'File read again',
    'kind-no_subscriber': 'No subscriber',
    'field-broker': 'Broker',
    'marked': '{what}: {subject}',
    'no-faults': 'none',
    'what-ping': 'ping',
    'what-request': 'request',
    'what-separate response': 'separate response',
    'transport-udp': 'UDP',
    'transport-dtls': 'DTLS',
    'transport-symmetric': 'symmetric',
    's': '{n} s', 'min': '{n} min', 'h': '{n} h', 'd': '{n} d',
  },
  zh: {
    'skip': '跳到消息列表',
    'language': '语言',
    'urls': '平台地址',
    'link-opening': '正在连接平台……',
    'link-open': '已连接',
    'link-gone': '与平台的连接已于 {time} 断开，正在重试……',
    'link-silent': '平台自 {time} 起没有响应，正在重试……',
    'devices': '设备',
    'device': '设备',
    'transport': '传输方式',
    'signed-in-since': '认证时间',
    'token-expires': '令牌到期',
    'last-seen': '最近活动',
    'taken': '已接收',
    'refused': '已拒绝',
    'repeated': '重复',
    'meaning': '统计与测量的含义',
    'repeated-is': '设备重复：以相同消息 ID 再次到达的请求。设备没有及时收到应答，或请求被 duplicate 故障复制。',
    'elsewhere': '在别处认证',
    'unknown': '未知',
    'expired': '已过期',
    'expired-early': '已手动作废',
    'ago': '{time}前',
    'in': '{time}后',
    'now': '刚刚',
    'more-devices': '显示 {all} 台中的 {shown} 台',
    'no-device': '还没有设备。可以用 c_examples 中的程序认证一台：',
    'sample-device': '这是示例设备；用 --device KEY,NAME,SECRET 可以允许其他设备认证。',
    'own-device': '请将省略号替换为该设备的 DeviceSecret。',
    'graphs': '最近五分钟',
    'traffic': '重传',
    'traffic-says': '请求 {requests} 个，重复 {repeated} 个，重发 {sentAgain} 个',
    'key-requests': '请求（每 5 秒）',
    'key-repeated': '设备重复',
    'key-sent-again': '平台重发',
    'sent-again-is': '平台重发：平台的需确认（CON）消息（分离响应、ping）没有被设备及时确认。',
    'round-trips': '往返时间',
    'round-trips-are': '往返时间：从平台发出需确认（CON）消息（分离响应、ping）到设备应答的时间，包含故障造成的延迟。设备自己测得的时间，平台看不到。',
    'round-trips-say': '测得 {count} 次，中位数 {median} ms，最长 {longest} ms',
    'no-round-trip': '暂无：打开“分离响应”，或 ping 设备',
    'key-once': '平台到设备再返回',
    'key-again': '重发后才应答',
    'messages': '消息',
    'all': '全部',
    'code': '响应码',
    'show': '显示',
    'show-requests': '请求',
    'show-transport': '传输',
    'show-faults': '故障',
    'pause': '暂停',
    'resume': '继续',
    'resume-waiting': '继续（{count} 条待显示）',
    'clear': '清空',
    'time': '时间',
    'what': '类型',
    'subject': '路径或内容',
    'payload': 'Payload',
    'payload-or-reason': 'Payload 或原因',
    'no-row': '还没有消息，或没有符合筛选条件的消息。',
    'missed': '略过了 {count} 个事件：到达速度超过了页面的处理速度。',
    'anew': '平台已重新启动。',
    'faults': '故障',
    'loss': '丢包',
    'loss-share': '丢包：每个方向丢失的报文比例',
    'delay': '延迟',
    'delay-low': '延迟：最短，毫秒',
    'delay-high': '延迟：最长，毫秒',
    'separate': '分离响应',
    'separate-share': '以分离的需确认（CON）响应应答的请求比例',
    'as-text': '全部故障，格式同 --faults',
    'apply': '应用',
    'expire-tokens': '立即作废所有访问令牌',
    'close-sessions': '立即关闭 DTLS 会话',
    'ping': 'Ping 设备',
    'ping-does': '向最近四分钟内活动过的每个地址发送一条空的需确认（CON）消息；应答计入往返时间。',
    'said-faults': '故障设置已更改。',
    'said-expire-tokens': '此前发放的访问令牌均被拒绝（4.01）：设备须重新认证。',
    'said-close-sessions': '已关闭 DTLS 会话：{count} 个。',
    'said-ping': '已 ping 的地址：{count} 个。',
    'said-failed': '操作失败：{reason}',
    'bad-number': '不允许的数值：{reason}',
    'details': '详情',
    'no-detail': '选择一条消息查看其选项和 payload；用 ↑ 和 ↓ 切换。',
    'options': '选项',
    'number': '编号',
    'name': '名称',
    'value': '值',
    'bytes': '{count} 字节',
    'mislabelled': '与其 Content-Format 不符',
    'cut': '仅显示开头部分',
    'copy': '复制',
    'copied': '已复制。',
    'field-reason': '原因',
    'field-peer': '来自',
    'field-number': '接收序号',
    'field-type': '消息类型',
    'field-message_id': '消息 ID',
    'field-token': 'Token',
    'field-sequence': '序列号',
    'field-twice': '此前已以另一消息 ID 接收过',
    'field-after': '间隔',
    'field-by': '应答方式',
    'field-sent': '发送次数',
    'field-session': '会话',
    'field-resumed': '会话恢复',
    'field-connection_id': '连接 ID',
    'field-from': '原地址',
    'field-sessions': '会话数',
    'field-direction': '方向',
    'field-bytes': '字节数',
    'field-client_id': '客户端 ID',
    'field-sign_method': '签名方法',
    'field-content_format': 'Content-Format',
    'field-extra': '其他',
    'field-access_token': '访问令牌',
    'field-expires': '令牌到期',
    'kind-message': '消息',
    'kind-signed_in': '认证成功',
    'kind-sign_in_refused': '认证被拒绝',
    'kind-request_refused': '请求被拒绝',
    'kind-duplicate': '再次到达',
    'kind-ping': '设备 ping',
    'kind-malformed': '格式错误',
    'kind-answered': '设备已应答',
    'kind-sent_again': '重新发送',
    'kind-unanswered': '始终无应答',
    'kind-datagram': '数据报',
    'kind-dtls_opened': 'DTLS 打开',
    'kind-dtls_moved': 'DTLS 地址变更',
    'kind-dtls_restored': 'DTLS 已恢复',
    'kind-dtls_saved': 'DTLS 已保存',
    'kind-dtls_failed': 'DTLS 失败',
    'kind-dtls_closed': 'DTLS 关闭',
    'kind-fault': '故障',
    'kind-ready': '平台就绪',
    'kind-tokens_expired': '所有访问令牌已作废',
    'kind-faults_changed': '故障设置已更改',
    'kind-broker_connected': 'broker 已连接',
    'kind-broker_lost': 'broker 不可用',
    'kind-read_again': '已重新读取文件',
    'kind-no_subscriber': '无人订阅',
    'field-broker': 'broker',
    'marked': '{what}：{subject}',
    'no-faults': '无',
    'what-ping': 'ping',
    'what-request': '请求',
    'what-separate response': '分离响应',
    'transport-udp': 'UDP',
    'transport-dtls': 'DTLS',
    'transport-symmetric': '对称加密',
    's': '{n} 秒', 'min': '{n} 分钟', 'h': '{n} 小时', 'd': '{n} 天',
  },
};

const KEPT_AS = 'iot-coap-cloud-language';

let language = kept() ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');

function kept() {
  try {
    const value = localStorage.getItem(KEPT_AS);
    return Object.hasOwn(WORDS, value) ? value : undefined;
  } catch {
    return undefined; // Storage may be forbidden.
  }
}

/** The language that is spoken now. */
export function spoken() {
  return language;
}

/** Speaks another language from here on. */
export function speak(wanted) {
  language = wanted;
  try {
    localStorage.setItem(KEPT_AS, wanted);
  } catch {
    // Then it is asked for again next time.
  }
}

/** The words of this name, with its values put in. */
export function words(name, values = {}) {
  const text = WORDS[language][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (place, value) => values[value] ?? place);
}

/** Translates what the document itself says. */
export function translate() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = words(element.dataset.t);
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', words(element.dataset.label));
    if (element.matches('input')) element.title = words(element.dataset.label);
  }
  for (const element of document.querySelectorAll('[data-title]')) {
    element.title = words(element.dataset.title);
  }
}

/** A time of day, to the second or the millisecond. */
export function clock(unixMs, milliseconds = false) {
  const parts = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  if (milliseconds) parts.fractionalSecondDigits = 3;
  return new Intl.DateTimeFormat('en-GB', parts).format(unixMs);
}

/** Day and time. */
export function moment(unixMs) {
  const tag = language === 'zh' ? 'zh-CN' : 'en-GB';
  return new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' }).format(unixMs);
}

/** A span of time, in its one or two largest units. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return words('s', { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return words('min', { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours >= 72) return words('d', { n: Math.floor(hours / 24) });
  const rest = minutes % 60;
  return words('h', { n: hours }) + (rest ? ' ' + words('min', { n: rest }) : '');
}
